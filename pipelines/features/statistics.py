"""Statistics of one day's features, in the form that merges over days.

Why: a scaler fitted over a month must not read the month's rows again.
Promise: the same features give the same bytes; a value that is no number is left out.
Not here: merging (``pipelines/operators/moments.py``).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.moments import moments_of


def describe(
    features: Mapping[str, NDArray[np.float64]], label: NDArray[np.float64]
) -> dict[str, Any]:
    """Rows, positives, and for each feature its count, mean and sum of squared deviations."""
    return {
        "rows": len(label),
        "positives": int(np.count_nonzero(label == 1)),
        "columns": {name: moments_of(np, values) for name, values in features.items()},
    }
