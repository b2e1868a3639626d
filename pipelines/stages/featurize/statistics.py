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
from pipelines.shared.tables import UNLABELLED
from pipelines.shared.tables.profile import merge_profiles, profile_of


def describe(
    features: Mapping[str, NDArray[np.float64]],
    n_rows: int,
    label: NDArray[np.float64] | None = None,
    *,
    may_lack_label: bool = False,
) -> dict[str, Any]:
    """Rows, positives, and of each feature its moments and how its values are distributed.

    Args:
        features: Numbers by name, NaN where unknown.
        n_rows: Number of rows.
        label: Label of each row, NaN for none; None where the rows do not have their label.
        may_lack_label: Whether rows without one are valid, and are counted as ``unlabelled``.
    """
    moments = {n: whole_moments(chunk_moments(np, values)) for n, values in features.items()}
    labels = {} if label is None else _labels(label, may_lack_label=may_lack_label)
    return {
        "rows": n_rows,
        **labels,
        "columns": moments,
        "profile": profile_of(features),
    }


def _labels(label: NDArray[np.float64], *, may_lack_label: bool) -> dict[str, int]:
    positives = {"positives": int(np.count_nonzero(label == 1))}
    if not may_lack_label:
        return positives
    return positives | {UNLABELLED: int(np.count_nonzero(~np.isfinite(label)))}


def together(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Statistics of neighbouring groups of rows as those of all of them; at least one."""
    columns = parts[0]["columns"]
    counts = [name for name in ("rows", "positives", UNLABELLED) if name in parts[0]]
    return {
        **{name: sum(part[name] for part in parts) for name in counts},
        "columns": {n: merged_moments([part["columns"][n] for part in parts]) for n in columns},
        "profile": merge_profiles(part["profile"] for part in parts),
    }
