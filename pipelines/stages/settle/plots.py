"""Plots of a settlement: a metric by partition with its intervals, and what alerts came to."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.shared.pages.plots import Axis, Plot, Series
from pipelines.spec import Pipeline

Models = Sequence[tuple[str, Mapping[str, Any]]]
"""Partitions, each with what was measured of the model that scored it, oldest first."""

ROOM = 1.08


def metric_plot(pipeline: Pipeline, models: Models, name: str, title: str) -> Plot | None:
    """What came true with its interval, and what was expected; None where the metric was never defined."""
    own = [(partition, m) for partition, m in models if name in m["metrics"]]
    if not own:
        return None
    place = _places(pipeline, models)
    true = [(place[p], m["metrics"][name]) for p, m in own]
    bars = [(place[p], m["intervals"][name]) for p, m in own if name in m["intervals"]]
    expected = [(p, m["expected"][name]) for p, m in own if name in m.get("expected", {})]
    highest = max([y for _, y in true] + [e[1] for _, e in bars] + [y for _, y in expected])
    series = [
        *(Series(points=[(x, low), (x, high)], style="own") for x, (low, high) in bars),
        Series(
            points=[(place[p], y) for p, y in expected],
            style="expected",
            kind="dots",
            label="expected",
        ),
        Series(
            points=true,
            style="own",
            kind="dots",
            label="came true",
            title=[f"{p}: {m['metrics'][name]:.4g}" for p, m in own],
        ),
    ]
    return Plot(
        title=title,
        x=_axis(pipeline, place),
        y=Axis(label=title, high=max(highest * ROOM, 1e-9)),
        series=[each for each in series if each.points],
    )


def alerts_plot(pipeline: Pipeline, models: Models) -> Plot | None:
    """Events caught and missed, and false alerts, by partition; None where nothing was decided."""
    own = [(partition, m["metrics"]) for partition, m in models if "alerts" in m["metrics"]]
    if not own:
        return None
    place = _places(pipeline, models)
    kinds = {"caught": "caught", "missed": "missed", "false_alerts": "false"}
    series = [
        Series(
            points=_bars([(place[p] - 0.4 + 0.27 * n, m[name]) for p, m in own]),
            style=style,
            kind="bars",
            label=name.replace("_", " "),
            title=[title for p, m in own for title in (f"{p}: {m[name]:,.0f} {name}", "")],
        )
        for n, (name, style) in enumerate(kinds.items())
    ]
    highest = max(m[name] for _, m in own for name in kinds)
    return Plot(
        title="Events and alerts",
        x=_axis(pipeline, place),
        y=Axis(label="rows", high=max(highest * ROOM, 1.0)),
        series=series,
    )


def _bars(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Bars of a quarter of a partition, each with nothing after it."""
    return [each for x, y in points for each in ((x, y), (x + 0.26, 0.0))]


def _places(pipeline: Pipeline, models: Models) -> dict[str, float]:
    """Partitions before the newest one, as a number from it back."""
    number = pipeline.partitions().number
    newest = number(models[-1][0])
    return {partition: float(number(partition) - newest) for partition, _ in models}


def _axis(pipeline: Pipeline, place: Mapping[str, float]) -> Axis:
    grain, newest = pipeline.partitions().grain, max(place, key=lambda each: place[each])
    label = f"{grain}s before {newest}"
    return Axis(label=label, low=min(place.values()) - 0.6, high=0.6, whole=True)
