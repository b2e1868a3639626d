"""Stage ``validate_window``: validate a model's days as a whole, before a model is trained on them."""
