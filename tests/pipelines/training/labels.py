"""A few labels for each head: every case of its loss occurs."""

LABELS = {
    "binary": [0, 1, 1, 0, 1, 0, 0, 0],
    "multi_class": [0, 1, 2, 2, 1, 0, 2, 1],
    "squared": [0.5, -4.0, 2.0, 9.0, 2.5, 1.0, 0.0, 30.0],
    "huber": [0.5, -4.0, 2.0, 9.0, 2.5, 1.0, 0.0, 30.0],
    "ordinal": [0, 1, 2, 3, 3, 0, 2, 1],
    "survival": [0.5, -0.4, -0.6, 1.0, 4.9, 5.0, -9.0, -3.0],
}
