"""Brier score at a horizon, and integrated over several.

Promise: a score is a mean over rows of its terms, so a resample only weighs them.
Source: E. Graf et al., "Assessment and comparison of prognostic classification schemes for survival data",
    Statistics in Medicine 18, 1999, equations 7 and 11.
"""

from collections.abc import Sequence

import numpy as np

from pipelines.stages.evaluate.times.follow_up import Floats, Status


def brier(status: Status, risk: Floats) -> Floats:
    """Weighed squared error of the risk at a horizon, a term for each row."""
    return np.where(status.case, (1.0 - risk) ** 2, risk**2) * status.weight


def integrated(days: Sequence[float], terms: Sequence[Floats]) -> Floats:
    """Mean of the terms over time, by the trapezoidal rule from the first horizon to the last."""
    if len(days) == 1:
        return terms[0]
    widths = np.diff(days)
    shares = (np.append(widths, 0.0) + np.append(0.0, widths)) / (2 * (days[-1] - days[0]))
    total = np.zeros(len(terms[0]))
    for share, term in zip(shares, terms, strict=True):
        total += share * term
    return total
