"""Stage ``settle``: what the scores of a partition are expected to be worth, and what earlier ones were."""
