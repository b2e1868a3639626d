"""Stage ``validate_window``: a model's days as a whole, before a model is made of them."""
