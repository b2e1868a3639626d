"""The plots of a model of times: incidence, AUC over time, and calibration and decision curve of each horizon."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.shared.pages.plots import Axis, Plot, Series
from pipelines.stages.evaluate.decision_curve import decision_plot

Rows = Sequence[Mapping[str, float]]
# Above what is shown, so that no curve touches the frame.
HEADROOM = 1.1


def plots_of_times(evaluated: Mapping[str, Any]) -> list[Plot]:
    """Every plot, from what ``metrics.json`` holds."""
    found = [incidence_plot(evaluated["incidence"]), auc_plot(evaluated["auc_by_cut"])]
    for each in evaluated["calibration_by_horizon"]:
        if each["groups"]:
            found.append(horizon_calibration_plot(each["groups"], each["days"]))
    for each in evaluated["decision_curves"]:
        if each["curve"]:
            found.append(decision_plot(each["curve"], f"Decision curve, {each['days']:g} days"))
    return found


def incidence_plot(table: Rows) -> Plot:
    """Mean predicted risk and observed incidence at each cut."""
    named = {
        "naive": ("guide", "observed, others censored"),
        "observed": ("event", "observed"),
        "predicted": ("own", "predicted"),
    }
    if all(abs(row["naive"] - row["observed"]) < 1e-9 for row in table):  # noqa: PLR2004
        del named["naive"]
    series = []
    for name, (style, label) in named.items():
        points = [(0.0, 0.0), *((row["days"], row[name]) for row in table)]
        titles = [f"{x:g} days: {y:.3f}" for x, y in points]
        series.append(Series(points=points, style=style, label=label))
        if name != "naive":
            series.append(Series(points=points, style=style, kind="dots", title=titles))
    highest = max(row[name] for row in table for name in named)
    return Plot(
        title="Incidence, predicted and observed",
        x=Axis(label="days", high=table[-1]["days"]),
        y=Axis(label="share with the event", high=max(HEADROOM * highest, 1e-3)),
        series=series,
    )


def auc_plot(table: Rows) -> Plot:
    """Cumulative/dynamic AUC at each cut."""
    points = [(row["days"], row["auc"]) for row in table]
    titles = [f"{x:g} days: {y:.3f}" for x, y in points]
    last = points[-1][0] if points else 1.0
    lowest = min([0.5, *(y for _, y in points)])
    return Plot(
        title="AUC over time",
        x=Axis(label="days", high=last),
        y=Axis(label="AUC", low=lowest),
        series=[
            Series(points=[(0, 0.5), (last, 0.5)], style="guide", label="chance"),
            Series(points=points, style="own"),
            Series(points=points, style="own", label="this model", kind="dots", title=titles),
        ],
    )


def horizon_calibration_plot(groups: Rows, days: float) -> Plot:
    """Observed incidence against mean predicted risk, for tenths of the rows by risk."""
    points = [(row["predicted"], row["observed"]) for row in groups]
    titles = [
        f"{row['rows']:,} rows: predicted {x:.3f}, observed {y:.3f}"
        for row, (x, y) in zip(groups, points, strict=True)
    ]
    high = min(1.0, max(HEADROOM * max(max(x, y) for x, y in points), 1e-3))
    return Plot(
        title=f"Calibration, {days:g} days",
        x=Axis(label="predicted risk", high=high),
        y=Axis(label="observed incidence", high=high),
        series=[
            Series(points=[(0, 0), (high, high)], style="guide", label="perfect"),
            Series(points=points, style="own"),
            Series(points=points, style="own", label="this model", kind="dots", title=titles),
        ],
    )
