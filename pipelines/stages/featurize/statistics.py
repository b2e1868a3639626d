"""Statistics of one day's features, in the form that merges over days.

Why: a scaler fitted over a month must not read the month's rows again, nor a day be held whole.
Promise: the same features give the same bytes; a non-finite value is left out. Moments are
    added up chunk by chunk, then group by group, in the order of the rows.
Not here: merging days (``pipelines/operators/moments.py``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.moments import chunk_moments, merged_moments, whole_moments
from pipelines.shared.tables.profile import merge_profiles, profile_of


def describe(
    features: Mapping[str, NDArray[np.float64]], label: NDArray[np.float64]
) -> dict[str, Any]:
    """Rows, positives, and of each feature its moments and how its values are distributed."""
    moments = {n: whole_moments(chunk_moments(np, values)) for n, values in features.items()}
    return {
        "rows": len(label),
        "positives": int(np.count_nonzero(label == 1)),
        "columns": moments,
        "profile": profile_of(features),
    }


def together(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Statistics of neighbouring groups of rows as those of all of them; at least one."""
    columns = parts[0]["columns"]
    return {
        "rows": sum(part["rows"] for part in parts),
        "positives": sum(part["positives"] for part in parts),
        "columns": {n: merged_moments([part["columns"][n] for part in parts]) for n in columns},
        "profile": merge_profiles(part["profile"] for part in parts),
    }
