"""The incidence of the training rows, predicted for every row alike.

Why: a Brier score says little without that of a prediction that knows nothing of a row.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Survival
from pipelines.stages.evaluate.times.follow_up import exact, follow_up
from pipelines.stages.evaluate.times.incidence import incidence


def base_rate_predictions(
    head: Survival, labels: NDArray[Any], rows: int
) -> dict[str, NDArray[np.float32]]:
    """``survival`` and ``score`` of so many rows, from training labels."""
    risk = incidence(follow_up(labels), [exact(cut) for cut in head.cuts_days])
    survival = np.tile((1.0 - risk).astype(np.float32), (rows, 1))
    return {"survival": survival, "score": 1.0 - survival[:, -1]}
