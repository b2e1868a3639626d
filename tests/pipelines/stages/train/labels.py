"""Every head, and a few labels for each: every case of its loss occurs."""

from pipelines.spec import Binary, MultiClass, Ordinal, Regression, Survival

HEADS = {
    "binary": Binary(),
    "multi_class": MultiClass(3),
    "squared": Regression(center=2.0, scale=3.0),
    "huber": Regression(loss="huber", center=2.0, scale=0.5),
    "ordinal": Ordinal(4),
    "survival": Survival((1.0, 2.0, 5.0)),
    "competing": Survival((1.0, 2.0, 5.0), competing=True),
}
LABELS = {
    "binary": [0, 1, 1, 0, 1, 0, 0, 0],
    "multi_class": [0, 1, 2, 2, 1, 0, 2, 1],
    "squared": [0.5, -4.0, 2.0, 9.0, 2.5, 1.0, 0.0, 30.0],
    "huber": [0.5, -4.0, 2.0, 9.0, 2.5, 1.0, 0.0, 30.0],
    "ordinal": [0, 1, 2, 3, 3, 0, 2, 1],
    "survival": [0.5, -0.4, -0.6, 1.0, 4.9, 5.0, -9.0, -3.0],
    "competing": [
        *([0.5, 0], [-0.4, 0], [-0.6, 0], [1.0, 0], [4.9, 0], [5.0, 0], [-9.0, 0], [-3.0, 0]),
        *([-0.5, 1], [-0.4, 1], [-1.0, 1], [-4.9, 1], [-5.0, 1], [-9.0, 1]),
    ],
}
