"""Plots of a settlement: a metric by partition with its intervals, and what alerts came to."""

from collections.abc import Iterator, Mapping, Sequence
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
    offset = _offsets(pipeline, models)
    series = [*_interval_bars(own, offset, name), *_dots(own, offset, name)]
    highest = max(y for each in series for _, y in each.points)
    return Plot(
        title=title,
        x=_axis(pipeline, offset),
        y=Axis(label=title, high=max(highest * ROOM, 1e-9)),
        series=series,
    )


def _interval_bars(own: Models, offset: Mapping[str, float], name: str) -> Iterator[Series]:
    for partition, model in own:
        if name in model["intervals"]:
            low, high = model["intervals"][name]
            yield Series(
                points=[(offset[partition], low), (offset[partition], high)], style="own"
            )


def _dots(own: Models, offset: Mapping[str, float], name: str) -> Iterator[Series]:
    """What was expected, and above it what came true."""
    for label, style, of in (
        ("expected", "expected", "expected"),
        ("came true", "own", "metrics"),
    ):
        found = [(p, m[of][name]) for p, m in own if name in m.get(of, {})]
        if found:
            yield Series(
                points=[(offset[p], value) for p, value in found],
                style=style,
                kind="dots",
                label=label,
                title=[f"{p}: {value:.4g} {label}" for p, value in found],
            )


def alerts_plot(pipeline: Pipeline, models: Models) -> Plot | None:
    """Events caught and missed, and false alerts, by partition; None where nothing was decided."""
    own = [(partition, m["metrics"]) for partition, m in models if "alerts" in m["metrics"]]
    if not own:
        return None
    offset = _offsets(pipeline, models)
    kinds = {"caught": "caught", "missed": "missed", "false_alerts": "false"}
    series = [
        Series(
            points=_bars([(offset[p] - 0.4 + 0.27 * n, m[name]) for p, m in own]),
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
        x=_axis(pipeline, offset),
        y=Axis(label="rows", high=max(highest * ROOM, 1.0)),
        series=series,
    )


def _bars(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Bars of a quarter of a partition, each with nothing after it."""
    return [each for x, y in points for each in ((x, y), (x + 0.26, 0.0))]


def _offsets(pipeline: Pipeline, models: Models) -> dict[str, float]:
    """Partitions before the newest one, as a number from it back."""
    number = pipeline.partitions().number
    newest = number(models[-1][0])
    return {partition: float(number(partition) - newest) for partition, _ in models}


def _axis(pipeline: Pipeline, offset: Mapping[str, float]) -> Axis:
    grain, newest = pipeline.partitions().grain, max(offset, key=lambda each: offset[each])
    label = f"{grain}s before {newest}"
    return Axis(label=label, low=min(offset.values()) - 0.6, high=0.6, whole=True)
