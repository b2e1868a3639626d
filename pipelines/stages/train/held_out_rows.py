"""Rows that no gradient has seen, with what a model says of each.

Why: a calibration and a threshold must follow from rows that the network was not fitted to.
Not here: reading and scoring them (``held_out_scores.py``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class HeldOutRows:
    """Rows that no gradient has seen.

    Attributes:
        score: What the model says of each, ``(n_rows,)``.
        happened: Whether it had the event.
        weight: Its weight.
        entity: Number of its entity.
        day: Number of its day.
    """

    score: NDArray[np.float32]
    happened: NDArray[np.bool_]
    weight: NDArray[np.float64]
    entity: NDArray[np.int64]
    day: NDArray[np.int64]
