"""Predicted risks beside observed incidence, at each cut and by groups of similar risk.

Promise: groups are of similar size and none has fewer than ``LEAST_ROWS`` rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.evaluate.times.follow_up import Floats, FollowUp, exact
from pipelines.stages.evaluate.times.horizons import Horizons
from pipelines.stages.evaluate.times.incidence import incidence, naive_incidence

MOST_GROUPS, LEAST_ROWS = 10, 30


def incidence_table(
    rows: FollowUp, survival: NDArray[Any], horizons: Horizons
) -> list[dict[str, float]]:
    """Mean predicted risk and observed incidence at each cut; ``naive`` censors at competing events."""
    days = [exact(cut) for _, cut in horizons.cuts]
    observed, naive = incidence(rows, days), naive_incidence(rows, days)
    return [
        {
            "days": cut,
            "predicted": float(1.0 - survival[:, n].mean(dtype=np.float64)),
            "observed": float(observed[k]),
            "naive": float(naive[k]),
        }
        for k, (n, cut) in enumerate(horizons.cuts)
    ]


def by_risk(rows: FollowUp, risk: Floats, days: float) -> list[dict[str, float]]:
    """Mean risk and observed incidence at a horizon, for tenths of the rows by risk."""
    groups = min(MOST_GROUPS, len(risk) // LEAST_ROWS)
    if groups == 0:
        return []
    found = []
    for chosen in np.array_split(np.argsort(risk, kind="stable"), groups):
        observed = incidence(rows.of_rows(chosen), [exact(days)])[0]
        mean = float(risk[chosen].mean())
        found.append({"rows": len(chosen), "predicted": mean, "observed": float(observed)})
    return found
