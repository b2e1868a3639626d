"""The course of a search as a plot: what each trial came to after each epoch, and where it ended.

Why: a table tells who won; how close it was, and whether a stopped trial was still rising, is seen.
Promise: the same plot for the same trials; the best epoch and the end of every trial that did not
    fail lie in view.
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
    "complete": "came to its last epoch",
    "winner": "winner",
}
WIDTH, HEIGHT = 760, 380
MARGIN = 0.06

Trial = Mapping[str, Any]
Points = list[tuple[float, float]]


def course_plot(trials: Sequence[Trial], winner: Mapping[str, Any], *, rises: bool) -> Plot:
    """A line for each trial, coloured by how it ended.

    First epochs far from where any trial got to are cut off, so that what decided is told apart.

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
            for piece in within(_finite(trial), low, high):
                yield Series(points=piece, style=style)
        ends = [(course[-1], _said(t)) for t in own if (course := _finite(t))]
        ends = [(end, said) for end, said in ends if low <= end[1] <= high]
        if ends:
            points, title = zip(*ends, strict=True)
            yield Series(points=points, style=style, kind="dots", title=title, label=label)


def _finite(trial: Trial) -> Points:
    values = enumerate(trial["by_epoch"], start=1)
    return [(float(epoch), value) for epoch, value in values if math.isfinite(value)]


def _said(trial: Trial) -> str:
    return f"trial {trial['number']}, {trial['state']}: {trial['by_epoch'][-1]:.4f}"


def _view(courses: list[Points], *, rises: bool) -> tuple[float, float]:
    """From the worst to the best of the courses' ends and best epochs, with a margin."""
    shown = [course[-1][1] for course in courses if course]
    chosen = max if rises else min
    shown += [chosen(value for _, value in course) for course in courses if course]
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    margin = (high - low or abs(high) or 1.0) * MARGIN
    return low - margin, high + margin


def within(points: Points, low: float, high: float) -> list[Points]:
    """The pieces of a line that lie in a band, cut where it crosses the edge."""
    pieces: list[Points] = []
    for (x0, y0), (x1, y1) in pairwise(points):
        span = y1 - y0
        ends = sorted((edge - y0) / span for edge in (low, high)) if span else [0.0, 1.0]
        begin, end = max(ends[0], 0.0), min(ends[1], 1.0)
        if begin >= end or not low <= y0 + span * (begin + end) / 2 <= high:
            continue
        first, last = (
            (x0 + (x1 - x0) * at, min(max(y0 + span * at, low), high)) for at in (begin, end)
        )
        if pieces and begin == 0.0 and pieces[-1][-1] == (x0, y0):
            pieces[-1].append(last)
        else:
            pieces.append([first, last])
    return pieces
