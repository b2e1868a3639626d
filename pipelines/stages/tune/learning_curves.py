"""The learning curves of a search as a plot: each trial's metric after each epoch, and its end.

Why: a table names the winner; a plot shows how close the others were, and whether a pruned trial
    was still improving.
Promise: the same plot for the same trials; the best epoch and the end of every trial that did not
    fail are in view.
Not here: the page around it (``page.py``).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pipelines.shared.pages.plots import Axis, Plot, Series

# From the back to the front; by the style of their lines.
LABELS = {
    "fail": "failed",
    "pruned": "stopped early, at the dot",
    "complete": "reached its last epoch",
    "winner": "winner",
}
WIDTH, HEIGHT = 760, 380
MARGIN = 0.06

Trial = Mapping[str, Any]
Points = list[tuple[float, float]]


def learning_curve_plot(
    trials: Sequence[Trial], winner: Mapping[str, Any], *, rises: bool
) -> Plot:
    """A line for each trial, coloured by how it ended.

    Values far from any trial's best or last epoch are cut off, so that close trials can be
    distinguished.

    Args:
        trials: All of them, as ``trials.json`` has them.
        winner: What ``winner.json`` holds.
        rises: Whether more is better.
    """
    low, high = _view([_finite(t) for t in trials if t["state"] != "fail"], rises=rises)
    longest = max((len(trial["by_epoch"]) for trial in trials), default=1)
    name = winner["metric"].replace("_", " ")
    return Plot(
        title=f"{name} of the validation days, epoch by epoch",
        x=Axis(label="epoch", low=0.0, high=float(longest), whole=True),
        y=Axis(label=name, low=low, high=high),
        series=list(_series(trials, winner["trial"], low, high)),
        width=WIDTH,
        height=HEIGHT,
    )


def _series(trials: Sequence[Trial], winner: int, low: float, high: float) -> Iterator[Series]:
    styles = {t["number"]: "winner" if t["number"] == winner else t["state"] for t in trials}
    for style, label in LABELS.items():
        own = [trial for trial in trials if styles[trial["number"]] == style]
        for trial in own:
            for segment in clipped(_finite(trial), low, high):
                yield Series(points=segment, style=style)
        yield from _ends(own, style, label, low, high)


def _ends(
    trials: Sequence[Trial], style: str, label: str, low: float, high: float
) -> Iterator[Series]:
    """A dot where each curve ends, if it ends within the axis."""
    ends = [(curve[-1], _end_title(t)) for t in trials if (curve := _finite(t))]
    shown = [(end, title) for end, title in ends if low <= end[1] <= high]
    if shown:
        points, titles = zip(*shown, strict=True)
        yield Series(points=points, style=style, kind="dots", title=titles, label=label)


def _finite(trial: Trial) -> Points:
    values = enumerate(trial["by_epoch"], start=1)
    return [(float(epoch), value) for epoch, value in values if math.isfinite(value)]


def _end_title(trial: Trial) -> str:
    return f"trial {trial['number']}, {trial['state']}: {trial['by_epoch'][-1]:.4f}"


def _view(curves: list[Points], *, rises: bool) -> tuple[float, float]:
    """From the worst to the best of the curves' last and best epochs, with a margin."""
    shown = [curve[-1][1] for curve in curves if curve]
    chosen = max if rises else min
    shown += [chosen(value for _, value in curve) for curve in curves if curve]
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    margin = (high - low or abs(high) or 1.0) * MARGIN
    return low - margin, high + margin


def clipped(points: Points, low: float, high: float) -> list[Points]:
    """The segments of a line inside a band, cut where it crosses the edge."""
    segments: list[Points] = []
    for (x0, y0), (x1, y1) in pairwise(points):
        span = y1 - y0
        ends = sorted((edge - y0) / span for edge in (low, high)) if span else [0.0, 1.0]
        begin, end = max(ends[0], 0.0), min(ends[1], 1.0)
        if begin >= end or not low <= y0 + span * (begin + end) / 2 <= high:
            continue
        first, last = (
            (x0 + (x1 - x0) * at, min(max(y0 + span * at, low), high)) for at in (begin, end)
        )
        if segments and begin == 0.0 and segments[-1][-1] == (x0, y0):
            segments[-1].append(last)
        else:
            segments.append([first, last])
    return segments
