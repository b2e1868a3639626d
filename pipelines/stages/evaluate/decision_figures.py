"""Plots of decisions: cost at every threshold, and reliability before and after calibration."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.shared.pages.plots import Axis, Plot, Series

TOP = 1.15


def decision_plots(decision: Mapping[str, Any] | None) -> Iterator[Plot]:
    """The plots that a published evaluation has figures for."""
    if decision is None:
        return
    if decision["calibration"]["kind"] != "none":
        yield reliability_plot(decision["probabilities"])
    if "costs" in decision:
        yield cost_plot(decision["costs"], decision["threshold"])


def reliability_plot(probabilities: Mapping[str, Any]) -> Plot:
    """Share of events against the mean, of the score as it is and of the probability."""
    styles = {"score": ("champion", "score as it is"), "probability": ("own", "calibrated")}
    points = {
        name: [(row["mean"], row["share"]) for row in probabilities[name]["reliability"]]
        for name in styles
    }
    highest = max(max(each) for values in points.values() for each in values)
    high = min(1.0, max(TOP * highest, 1e-6))
    series = [Series(points=[(0, 0), (high, high)], style="guide", label="perfect")]
    for name, (style, label) in styles.items():
        series.append(Series(points=points[name], style=style, label=label))
    titles = [
        f"{row['rows']:,} rows: mean probability {row['mean']:.4f}, events {row['share']:.4f}"
        for row in probabilities["probability"]["reliability"]
    ]
    series.append(Series(points=points["probability"], style="own", kind="dots", title=titles))
    return Plot(
        title="Reliability, before and after calibration",
        x=Axis(label="mean of rows alike", high=high),
        y=Axis(label="share of events", high=high),
        series=series,
    )


def cost_plot(costs: Mapping[str, Any], threshold: float) -> Plot:
    """Cost of a day at each threshold, the chosen one marked; beyond what nobody's alerts cost nothing is shown."""
    nobody = costs["nobody"]["cost_per_day"]
    points = [(row["threshold"], row["cost_per_day"]) for row in costs["curve"]]
    high = TOP * max(nobody, costs["own"]["cost_per_day"], 1e-9)
    last = points[-1][0]
    own = (threshold, costs["own"]["cost_per_day"])
    best = costs["best"]
    marks = [Series(points=[own], style="own", kind="dots", title=[_named("chosen", *own)])]
    if best["threshold"] is not None:
        at = (best["threshold"], best["cost_per_day"])
        marks.insert(
            0,
            Series(
                points=[at],
                style="event",
                label="best in hindsight",
                kind="dots",
                title=[_named("best", *at)],
            ),
        )
    return Plot(
        title="Cost of a day, by threshold",
        x=Axis(label="threshold (probability)", high=last),
        y=Axis(label="cost a day", high=high),
        series=[
            Series(points=[(0, nobody), (last, nobody)], style="guide", label="nobody alerted"),
            Series(
                points=[p for p in points if p[1] <= high],
                style="own",
                label="this model",
            ),
            Series(
                points=[(threshold, 0.0), (threshold, high)],
                style="champion",
                label="its threshold",
            ),
            *marks,
        ],
    )


def _named(what: str, threshold: float, cost: float) -> str:
    return f"{what}: {threshold:.4g}, {cost:,.1f} a day"
