"""Statistics of one day's features, in the form that merges over days.

Why: a scaler fitted over a month must not read the month's rows again.
Promise: the same features give the same bytes; a value that is no number is left out.
Not here: merging (``pipelines/preprocessing/moments.py``).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def describe(
    features: Mapping[str, NDArray[np.float64]], label: NDArray[np.float64]
) -> dict[str, Any]:
    """Rows, positives, and for each feature its count, mean and sum of squared deviations."""
    return {
        "rows": len(label),
        "positives": int(np.count_nonzero(label == 1)),
        "columns": {name: _moments(values) for name, values in features.items()},
    }


def _moments(values: NDArray[np.float64]) -> dict[str, float | int]:
    known = values[np.isfinite(values)]
    if not len(known):
        return {"count": 0, "mean": 0.0, "m2": 0.0}
    mean = float(np.mean(known))
    # A second pass: a sum of squares loses its digits where the mean is large.
    return {"count": len(known), "mean": mean, "m2": float(np.sum((known - mean) ** 2))}
