"""Plots as inline SVG: lines, points and bars on one pair of axes.

Why: a model card must open offline, in a page that may run no script, and be the same bytes for the
    same numbers.
Promise: coordinates are rounded to a tenth of a pixel; long curves are thinned without moving them by
    more than half a pixel; colours follow the reader's light or dark mode through CSS variables.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 14, 44

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, set of dots or set of bars.

    Attributes:
        points: ``(x, y)`` in data units.
        style: CSS class of the page that colours it, such as ``own`` or ``guide``.
        label: Its name in the legend; empty for none.
        kind: ``line``, ``dots`` or ``bars``.
        title: Tooltip of each point, in order; empty for none.
    """

    points: Points
    style: str
    label: str = ""
    kind: str = "line"
    title: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis.

    Attributes:
        label: The quantity, with its unit.
        low: Value at its start; above 0 where ``log``.
        high: Value at its end.
        log: Whether the scale is logarithmic.
        whole: Whether ticks are at integers alone, such as epochs.
    """

    label: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False

    def fraction(self, value: float) -> float:
        """Position of a value along the axis: 0 at the start, 1 at the end, clipped."""
        if self.log:
            low, high, value = (
                math.log10(max(v, self.low)) for v in (self.low, self.high, value)
            )
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0

    def ticks(self) -> list[float]:
        """Round values along it, about five."""
        if self.log:
            first, last = (
                math.ceil(math.log10(self.low)),
                math.floor(math.log10(self.high) + 1e-9),
            )
            return [10.0**n for n in range(first, last + 1, max((last - first) // 5, 1))]
        span = max(self.high - self.low, 1e-12)
        step = 10.0 ** math.floor(math.log10(span / 4))
        step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= 5.001)  # noqa: PLR2004
        step = max(step, 1.0) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A pair of axes and the series drawn on them.

    Attributes:
        title: Description of the plot, for a screen reader.
        x: Horizontal axis.
        y: Vertical axis.
        series: Drawn in order, the last on top.
        width: Width in pixels, axes and their labels included, before scaling.
        height: Height in pixels, likewise.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series] = field(default_factory=tuple)
    width: int = WIDTH
    height: int = HEIGHT

    def svg(self) -> str:
        """The plot as one SVG element."""
        parts = [*self._grid(), *(self._drawn(s) for s in self.series)]
        return (
            f'<svg class="plot" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(self.title)}">{"".join(parts)}</svg>'
        )

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + self.x.fraction(x) * (self.width - LEFT - RIGHT),
            self.height - BOTTOM - self.y.fraction(y) * (self.height - TOP - BOTTOM),
        )

    def _grid(self) -> list[str]:
        parts, base, end = [], self.height - BOTTOM, self.width - RIGHT
        for value in self.y.ticks():
            at = _px(self._at(self.x.low, value)[1])
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{end}" y1="{at}" y2="{at}"/>')
            parts.append(_text(LEFT - 7, at, tick_text(value), "end", 'dy=".35em"'))
        for value in self.x.ticks():
            at = _px(self._at(value, self.y.low)[0])
            parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{TOP}" y2="{base}"/>')
            parts.append(_text(at, base + 16, tick_text(value), "middle"))
        middle = (TOP + base) / 2
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{end}" y1="{base}" y2="{base}"/>')
        parts.append(
            _text((LEFT + end) / 2, self.height - 8, self.x.label, "middle", 'class="label"')
        )
        turn = f'class="label" transform="rotate(-90 13 {_px(middle)})"'
        parts.append(_text(13, middle, self.y.label, "middle", turn))
        return parts

    def _drawn(self, series: Series) -> str:
        points = [self._at(x, y) for x, y in series.points]
        if series.kind == "line":
            path = " ".join(f"{_px(x)},{_px(y)}" for x, y in thinned(points))
            return f'<polyline class="{series.style}" points="{path}"/>'
        titles = [f"<title>{escape(t)}</title>" for t in series.title] or [""] * len(points)
        if series.kind == "dots":
            return "".join(
                f'<circle class="{series.style}" cx="{_px(x)}" cy="{_px(y)}" r="3.5">{title}</circle>'
                for (x, y), title in zip(points, titles, strict=True)
            )
        return "".join(self._bar(series, n, titles[n]) for n in range(len(points) - 1))

    def _bar(self, series: Series, n: int, title: str) -> str:
        """A bar from this point's x to the next one's; nothing where it has no height."""
        (left, top), (right, _) = (self._at(*series.points[m]) for m in (n, n + 1))
        base = self.height - BOTTOM
        if base - top < 0.05:  # noqa: PLR2004  below a tenth of a pixel
            return ""
        return (
            f'<rect class="{series.style}" x="{_px(left + 0.5)}" y="{_px(top)}" '
            f'width="{_px(max(right - left - 1, 0.5))}" height="{_px(base - top)}">{title}</rect>'
        )


def legend(plot: Plot) -> str:
    """The plot's legend, as HTML below it."""
    named = [s for s in plot.series if s.label]
    keys = (f'<span><i class="{s.style}"></i>{escape(s.label)}</span>' for s in named)
    return f'<p class="legend">{"".join(keys)}</p>' if named else ""


def thinned(points: Points, tolerance: float = 0.5) -> list[tuple[float, float]]:
    """Omit points of a curve that are within ``tolerance`` of the last one kept.

    A point before a jump is kept, so that steps stay steps.
    """
    kept: list[tuple[float, float]] = []
    before: tuple[float, float] | None = None
    for point in points:
        if kept and max(abs(point[0] - kept[-1][0]), abs(point[1] - kept[-1][1])) < tolerance:
            before = point
            continue
        if before is not None:
            kept.append(before)
        kept.append(point)
        before = None
    return [*kept, before] if before is not None else kept


def _px(value: float) -> str:
    return f"{value:.1f}"


def tick_text(value: float) -> str:
    """A value beside an axis."""
    return f"{value:.6g}" if abs(value) >= 0.001 or value == 0 else f"{value:.0e}"  # noqa: PLR2004


def _text(x: float | str, y: float | str, text: str, anchor: str, more: str = "") -> str:
    x, y = (v if isinstance(v, str) else _px(v) for v in (x, y))
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" {more}>{escape(text)}</text>'
