"""The probability from which a decision is positive: by costs, as declared, or by the alerts of a day.

Why: whoever scores a day must decide as the model was evaluated.
Promise: follows from the declaration, and from held-out rows only where that says nothing.
Not here: deciding (``pipelines/shared/scoring/decision.py``).
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.scoring.decision import NONE
from pipelines.spec import Evaluation
from pipelines.stages.train.held_out_rows import HeldOutRows


def threshold_of(
    evaluation: Evaluation, rows: HeldOutRows | None, probability: NDArray[np.float32] | None
) -> tuple[float | None, str]:
    """The threshold, and what it is from: ``costs``, ``declared``, ``alerts`` or ``none``.

    Args:
        evaluation: As declared.
        rows: Held-out rows; None where there are none.
        probability: Of each of them.
    """
    if evaluation.costs is not None:
        return evaluation.costs.threshold(), "costs"
    if evaluation.threshold is not None:
        return evaluation.threshold, "declared"
    if rows is None or probability is None:
        return None, NONE
    return alerts_threshold(rows, probability, evaluation.alerts_per_day), "alerts"


def alerts_threshold(
    rows: HeldOutRows, probability: NDArray[np.float32], alerts_per_day: int
) -> float:
    """The probability from which about so many entities a day are alerted, each once a day.

    Of equal probabilities all are alerted, or none: whichever is nearer to the number, fewer where both are.
    """
    days, day = np.unique(rows.day, return_inverse=True)
    entities, entity = np.unique(rows.entity, return_inverse=True)
    pair, which = np.unique(day * len(entities) + entity, return_inverse=True)
    highest = np.zeros(len(pair), np.float32)
    np.maximum.at(highest, which, probability)
    values, counts = np.unique(-highest, return_counts=True)
    alerted = np.cumsum(counts)
    return float(-values[np.argmin(np.abs(alerted - alerts_per_day * len(days)))])
