"""What decisions over rows cost: by themselves, and at every threshold.

Why: a precision says nothing to whoever pays for missed events, false alerts and the people who look at alerts.
Promise: each row is decided by itself, as ``Costs`` says; rows may be weighed; at a threshold rows at or above it
    are alerts, and the best one in hindsight is exact, over every distinct probability.
Not here: which threshold a model has (``pipelines/stages/train/thresholds.py``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Costs

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def costs_of_rows(costs: Costs, happened: Flags, alert: Flags) -> Floats:
    """What the decision over each row costs, ``(n_rows,)``."""
    of_alert = costs.work() + np.where(happened, 0.0, costs.false_alert)
    of_none = np.where(happened, costs.missed, 0.0)
    return np.where(alert, of_alert, of_none)


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Cost and alerts of some rows at each threshold at which they change.

    Attributes:
        threshold: Distinct probabilities, falling, after infinity, at which nothing is an alert.
        cost: Cost of all rows, at each.
        alerts: Weight of the alerts, at each.
    """

    threshold: Floats
    cost: Floats
    alerts: Floats

    def at(self, threshold: float) -> tuple[float, float]:
        """Cost and alerts of a threshold."""
        reached = int(np.searchsorted(-self.threshold, -threshold, side="right")) - 1
        return float(self.cost[reached]), float(self.alerts[reached])

    def best(self) -> tuple[float, float, float]:
        """The threshold of the lowest cost, the highest of equal ones, with its cost and alerts."""
        n = int(np.argmin(self.cost))
        return float(self.threshold[n]), float(self.cost[n]), float(self.alerts[n])


def cost_curve(
    costs: Costs, happened: Flags, probability: NDArray[np.floating], weight: Floats
) -> CostCurve:
    """Sort rows once, and add what each further alert changes."""
    ordered = np.argsort(-probability, kind="stable")
    p = probability[ordered].astype(np.float64)
    last = np.append(np.flatnonzero(p[1:] != p[:-1]), len(p) - 1)
    nothing = costs_of_rows(costs, happened, np.zeros(len(happened), bool))
    change = costs_of_rows(costs, happened, np.ones(len(happened), bool)) - nothing
    steps = np.cumsum((weight * change)[ordered])[last]
    return CostCurve(
        threshold=np.append(np.inf, p[last]),
        cost=np.append(0.0, steps) + float(weight @ nothing),
        alerts=np.append(0.0, np.cumsum(weight[ordered])[last]),
    )
