"""Stage ``watch``: whether a scored day still looks like the days that its model was made for."""
