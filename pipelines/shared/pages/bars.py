"""Horizontal bars with names, and intervals where they are known, as inline SVG.

Why: names of features do not fit below upright bars.
Promise: as of ``plots.py``: the same bytes for the same numbers, colours by the page's style sheet.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pipelines.shared.pages.plots import Axis, tick_text

WIDTH, NAMES, RIGHT, TOP, ROW, BOTTOM = 860, 270, 70, 8, 22, 40
LONGEST = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """A named value.

    Attributes:
        name: What the value is of.
        value: Length of the bar.
        between: Its interval; None for none.
    """

    name: str
    value: float
    between: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarPlot:
    """Bars from the top down.

    Attributes:
        title: Description of the plot, for a screen reader.
        label: The quantity, with its unit.
        bars: In order.
    """

    title: str
    label: str
    bars: Sequence[Bar]

    def svg(self) -> str:
        """The plot as one SVG element."""
        height = TOP + ROW * len(self.bars) + BOTTOM
        axis = self._axis()
        parts = [
            *self._grid(axis, height),
            *(self._bar(axis, n) for n in range(len(self.bars))),
        ]
        return (
            f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="{escape(self.title)}">{"".join(parts)}</svg>'
        )

    def _axis(self) -> Axis:
        ends = [0.0]
        for bar in self.bars:
            ends += [end for end in (bar.value, *(bar.between or ())) if math.isfinite(end)]
        low, high = min(ends), max(ends)
        return Axis(label=self.label, low=low, high=high if high > low else low + 1.0)

    def _grid(self, axis: Axis, height: int) -> list[str]:
        parts, base = [], height - BOTTOM
        for value in axis.ticks():
            x = _x(axis, value)
            parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{base}"/>')
            parts.append(
                f'<text x="{x}" y="{base + 15}" text-anchor="middle">{tick_text(value)}</text>'
            )
        zero, middle = _x(axis, 0.0), (NAMES + WIDTH - RIGHT) / 2
        parts.append(f'<line class="axis" x1="{zero}" x2="{zero}" y1="{TOP}" y2="{base}"/>')
        parts.append(
            f'<text x="{middle:.1f}" y="{height - 8}" text-anchor="middle" class="label">'
            f"{escape(self.label)}</text>"
        )
        return parts

    def _bar(self, axis: Axis, nth: int) -> str:
        bar, top = self.bars[nth], TOP + nth * ROW
        value = bar.value if math.isfinite(bar.value) else 0.0
        middle = top + ROW / 2
        ends = sorted((axis.fraction(0.0), axis.fraction(value)))
        left, right = (NAMES + end * (WIDTH - NAMES - RIGHT) for end in ends)
        parts = [
            f'<text x="{NAMES - 8}" y="{middle:.1f}" dy=".35em" text-anchor="end">{escape(_cut(bar.name))}'
            f"<title>{escape(bar.name)}</title></text>",
            f'<rect class="own" x="{left:.1f}" y="{top + 4}" width="{max(right - left, 0.5):.1f}" '
            f'height="{ROW - 8}"><title>{escape(bar.name)}: {bar.value:.4g}</title></rect>',
        ]
        if bar.between is not None and all(map(math.isfinite, bar.between)):
            low, high = (_x(axis, end) for end in bar.between)
            parts.append(
                f'<line class="whisker" x1="{low}" x2="{high}" y1="{middle:.1f}" y2="{middle:.1f}"/>'
            )
        parts.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{middle:.1f}" dy=".35em">{bar.value:.3g}</text>'
        )
        return "".join(parts)


def _x(axis: Axis, value: float) -> str:
    return f"{NAMES + axis.fraction(value) * (WIDTH - NAMES - RIGHT):.1f}"


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
