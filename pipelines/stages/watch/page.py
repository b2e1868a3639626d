"""The page of a watched day: its alarms in words, its inputs beside their limits, and the days before it.

Promise: rendered from ``watched.json`` alone; it loads nothing and runs no script.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

from pipelines.shared.expectations.report import environment
from pipelines.shared.pages.plots import Axis, Plot, Series, legend
from pipelines.shared.pages.style import STYLE

SCORED = "scores"
MOST_BARS = 40
BAR, HEAD = 20, 34
NAMES, WIDE = 210, 940
SIDES = {
    "training": "the champion's training days",
    "test": "the champion's test days",
    "recent": "the weeks before",
}
Json = dict[str, Any]


def watched_page(folder: Path) -> str:
    """The page, from the published numbers."""
    watched = json.loads((folder / "watched.json").read_text(encoding="utf-8"))
    template = environment(Path(__file__).parent).get_template("watched.html.j2")
    limits, inputs = watched["limits"], _inputs(watched)
    return template.render(
        watched=watched,
        style=STYLE,
        sides=SIDES,
        bars={name: _bars([one for one in inputs if one["against"] == name]) for name in SIDES},
        measured=watched["measured"],
        rows=_rows_plot(watched["history"]),
        scores=_scores_plot(watched["history"], limits["score_psi"]["warn"]),
        tone=_tone(watched["alarms"]),
    )


def _inputs(watched: Json) -> list[Json]:
    """The drift of each input, with the limit that warns of it."""
    limits = watched["limits"]
    own = {name: limit["warn"] for name, limit in limits["psi_of"]}
    return [
        each | {"warn_at": own.get(each["what"], limits["psi"]["warn"])}
        for each in watched["measured"]
        if each["kind"] == "drift" and each["what"] != SCORED
    ]


def _tone(alarms: list[Json]) -> str:
    if any(each["severity"] == "refuse" for each in alarms):
        return "REJECTED"
    return "NOT_BETTER" if alarms else "BETTER"


def _bars(found: list[Json]) -> str:
    """A bar for each feature, the furthest first: its index above chance, and the least that would count."""
    shown = sorted(found, key=lambda each: -_above(each))[:MOST_BARS]
    if not shown:
        return ""
    high = max(0.3, *(max(_above(each), _needed(each)) for each in shown)) * 1.05
    parts = [_bar(n, each, high) for n, each in enumerate(shown)]
    height = HEAD + BAR * len(shown)
    scale = "".join(
        f'<text x="{_x(at, high):.1f}" y="16" text-anchor="middle">{at:g}</text>'
        f'<line class="grid" x1="{_x(at, high):.1f}" x2="{_x(at, high):.1f}" y1="22" y2="{height}"/>'
        for at in Axis(label="", high=high).ticks()
    )
    return (
        f'<svg class="plot" viewBox="0 0 {WIDE} {height}" role="img" aria-label="Population stability index '
        f'of each feature">{scale}{"".join(parts)}</svg>'
    )


def _bar(nth: int, one: Json, high: float) -> str:
    top, value = HEAD + nth * BAR, _above(one)
    tip = (
        f"{one['what']}: PSI {one['psi']:.4f}, {one['psi_by_chance']:.4f} of it by chance; Jensen-Shannon "
        f"{one['js']:.4f} bits"
    )
    style = {"refuse": "bad", "warn": "hold"}.get(one["level"], "own")
    needed = _x(_needed(one), high)
    return (
        f'<text x="{NAMES - 8}" y="{top + 10}" text-anchor="end" dy=".1em">{escape(_cut(one["what"]))}</text>'
        f'<rect class="{style}" x="{NAMES}" y="{top}" height="13" width="{_x(value, high) - NAMES + 1:.1f}">'
        f"<title>{escape(tip)}</title></rect>"
        f'<line class="needed" x1="{needed:.1f}" x2="{needed:.1f}" y1="{top - 2}" y2="{top + 15}"/>'
    )


def _above(one: Json) -> float:
    return max(float(one["psi"] - one["psi_by_chance"]), 0.0)


def _needed(one: Json) -> float:
    """What the bar must reach for an alarm: its limit, and more than chance and the spread of days."""
    return max(
        float(one["psi_needed"] - one["psi_by_chance"]), float(one.get("warn_at") or 0.0)
    )


def _x(value: float, high: float) -> float:
    return NAMES + min(max(value, 0.0) / high, 1.0) * (WIDE - NAMES - 12)


def _cut(name: str, limit: int = 32) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def _rows_plot(history: list[Json]) -> str:
    counts = [float(each["rows"]) for each in history]
    usual = [(float(n), each["usual"]) for n, each in enumerate(history) if each["usual"]]
    high = max([*counts, *(float(band[1]) for _, band in usual)]) * 1.1
    series = [
        Series(points=[(n, float(band[0])) for n, band in usual], style="guide"),
        Series(
            points=[(n, float(band[1])) for n, band in usual],
            style="guide",
            label="fewest and most on the same weekday",
        ),
        Series(points=[*enumerate(counts)], style="own", label="rows"),
        _dots(history, [*enumerate(counts)]),
    ]
    return _plot("Rows by day", "rows", series, history, high)


def _scores_plot(history: list[Json], limit: float | None) -> str:
    points = [
        (float(n), h["score_psi"]) for n, h in enumerate(history) if h["score_psi"] is not None
    ]
    if not points:
        return ""
    series = [
        Series(points=points, style="own", label="PSI of the scores"),
        _dots(history, points),
    ]
    if limit is not None:
        ends = [(0.0, limit), (len(history) - 1.0, limit)]
        series.append(Series(points=ends, style="guide", label="limit"))
    high = max([limit or 0.0, *(y for _, y in points)]) * 1.2 or 1.0
    return _plot("Drift of the scores by day", "PSI", series, history, high)


def _dots(history: list[Json], points: list[tuple[float, float]]) -> Series:
    tips = [f"{history[int(n)]['day']}: {value:g}" for n, value in points]
    return Series(points=points, style="own", kind="dots", title=tips)


def _plot(title: str, unit: str, series: list[Series], history: list[Json], high: float) -> str:
    first, last = history[0]["day"], history[-1]["day"]
    x = Axis(
        label=f"partitions, {first} to {last}", high=max(len(history) - 1.0, 1.0), whole=True
    )
    y = Axis(label=unit, high=high)
    plot = Plot(title=title, x=x, y=y, series=series, width=WIDE, height=230)
    return f"<h3>{escape(title)}</h3>{plot.svg()}{legend(plot)}"
