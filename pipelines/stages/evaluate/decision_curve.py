"""Net benefit of acting on a risk, by the threshold at which one would act.

Why: a threshold says how many needless actions one is worth that is needed; at a sensible one a model should do better
    than to act on everybody, or on nobody.
Promise: rows may be weighed, so that a horizon is evaluated with censored rows.
Source: A. J. Vickers and E. B. Elkin, "Decision curve analysis: a novel method for evaluating prediction models",
    Medical Decision Making 26, 2006.
"""

import math

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.pages.plots import Axis, Plot, Series

Floats = NDArray[np.float64]

POINTS, LEAST_HIGHEST, MOST_HIGHEST = 50, 0.1, 0.9
# Of the share of events; beyond, little is left to gain.
REACH = 4.0


def decision_curve(case: Floats, control: Floats, risk: Floats) -> list[dict[str, float]]:
    """Net benefit at thresholds up to four times the share of events.

    Args:
        case: Weight of each row as one with the event, ``(n_rows,)``.
        control: Weight of each row as one without.
        risk: Predicted risk.
    """
    total = float(case.sum() + control.sum())
    if not total > 0:
        return []
    share = float(case.sum()) / total
    highest = min(max(math.ceil(REACH * share * 20) / 20, LEAST_HIGHEST), MOST_HIGHEST)
    thresholds = np.linspace(0.0, highest, POINTS + 1)[1:]
    order = np.argsort(risk, kind="stable")
    # Rows at or above a threshold are those after the ones below it.
    first = np.searchsorted(risk[order], thresholds, side="left")
    true, false = (
        np.append(np.cumsum(each[order][::-1])[::-1], 0.0)[first] / total
        for each in (case, control)
    )
    odds = thresholds / (1.0 - thresholds)
    of_all = share - (1.0 - share) * odds
    return [
        {"threshold": float(t), "model": float(own), "all": float(every)}
        for t, own, every in zip(thresholds, true - false * odds, of_all, strict=True)
    ]


def decision_plot(table: list[dict[str, float]], title: str) -> Plot:
    """Net benefit of the model, of acting on everybody, and on nobody."""
    points = {
        name: [(row["threshold"], row[name]) for row in table] for name in ("model", "all")
    }
    highest = max(1e-4, *(y for each in points.values() for _, y in each))
    last = table[-1]["threshold"]
    lowest = -0.15 * highest
    shown = [(x, y) for x, y in points["all"] if y >= lowest]
    return Plot(
        title=title,
        x=Axis(label="risk at which one acts", high=last),
        y=Axis(label="net benefit", low=lowest, high=1.05 * highest),
        series=[
            Series(points=[(0, 0), (last, 0)], style="guide", label="nobody"),
            Series(points=shown, style="champion", label="everybody"),
            Series(points=points["model"], style="own", label="this model"),
        ],
    )
