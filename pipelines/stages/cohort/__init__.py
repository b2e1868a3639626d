"""Stage ``cohort``: draw a model's rows, with the labels that follow from events, and their parts."""
