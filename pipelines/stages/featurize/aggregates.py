"""Aggregates over trailing windows, each from running sums, positions or halving ranges.

Why: a loop over rows, or one reduction a window, costs a hundred times as much.
Promise: one function an aggregate, over all spans at once; exact for whole numbers; NaN stands
    for what is not known (the least, the greatest, the last of nothing).
Not here: what a window is (``timeline.py``), which rows count (``selection.py``), what may be declared
    (``pipelines/operators/aggregates.py``).
"""

from collections.abc import Callable, Sequence
from typing import Any

from pipelines.operators.array_types import Array
from pipelines.stages.featurize.entity_program import DAY_S
from pipelines.stages.featurize.selection import Selection
from pipelines.stages.featurize.spread import slope, std
from pipelines.stages.featurize.timeline import INT64_BITS, Span, Timeline


def count(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Rows that count."""
    return [rows.counted_rows(span) for span in spans]


def total(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Sum of values, 0.0 over nothing."""
    return [_total(rows, span) / rows.scale for span in spans]


def mean(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Sum by number of values, 0.0 over nothing; rounded once."""
    return [
        _share(rows.line.xp, _total(rows, span), rows.valued_rows(span) * rows.scale)
        for span in spans
    ]


def rate(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Share of values that are 1, 0.0 over nothing."""
    return [
        _share(rows.line.xp, span.total(rows.ones), rows.valued_rows(span)) for span in spans
    ]


def least(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Smallest value; NaN over nothing."""
    return _extremes(rows, spans, rows.line.xp.minimum)


def greatest(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Largest value; NaN over nothing."""
    return _extremes(rows, spans, rows.line.xp.maximum)


def last(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Value of the last row, by time and then by the declared order of ties; NaN over nothing."""
    xp, line, positions = rows.line.xp, rows.line, rows.valued_positions
    found = []
    for span in spans:
        position, there = _latest(xp, positions, rows.running_values, span)
        values = (
            rows.values[line.order[position]] if len(positions) else xp.zeros(len(position))
        )
        found.append(xp.where(there, values / rows.scale, xp.nan))
    return found


def days_since_last(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Days back to the entity's last row before this one's time; NaN over nothing.

    Without a delay the row itself and its ties lie in the window: no time would ever have passed.
    """
    xp, line = rows.line.xp, rows.line
    own = line.asked_key
    found = []
    for span in spans:
        before = span
        if not rows.window.delay_s:
            before = Span(span.start, line.edge(0, "left"))
        position, there = _latest(xp, rows.counted_positions, rows.running_counts, before)
        ago_s = own - line.key[position] if len(line.key) else own
        found.append(xp.where(there, ago_s / DAY_S, xp.nan))
    return found


def days_since_first(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Days back to the first row in the window, 0 where that is the row itself; NaN over nothing."""
    xp, line, positions = rows.line.xp, rows.line, rows.counted_positions
    found = []
    for span in spans:
        start, end = rows.running_counts[span.start], rows.running_counts[span.end]
        first = positions[xp.minimum(start, len(positions) - 1)] if len(positions) else start
        ago_s = line.asked_key - line.key[first] if len(positions) else line.asked_key
        found.append(xp.where(end > start, ago_s / DAY_S, xp.nan))
    return found


def ever(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """1 where some row counts, else 0."""
    return [(rows.counted_rows(span) > 0) * 1.0 for span in spans]


def distinct(rows: Selection, spans: Sequence[Span]) -> list[Any]:
    """Different values among those known.

    A row adds to a window where it is the first of its value in it: the window ends behind it,
    starts at or before it, and starts behind the row that had the value before. Windows are in
    order, so those are neighbours, and a sum of their beginnings and ends counts them all.
    """
    xp, line, positions = rows.line.xp, rows.line, rows.valued_positions
    if not len(positions):
        return [xp.zeros(len(span.start), dtype=xp.int64) for span in spans]
    before = _same_before(rows, positions)
    found = []
    for span in spans:
        started, ended = (_up_to(xp, edge, len(line.key)) for edge in (span.start, span.end))
        first = xp.maximum(ended[positions], xp.where(before < 0, 0, started[before]))
        adds = first < started[positions]
        n_windows = len(span.start) + 1
        change = xp.bincount(first[adds], minlength=n_windows)
        change = change - xp.bincount(started[positions][adds], minlength=n_windows)
        found.append(xp.cumsum(change)[:-1])
    return found


AGGREGATES: dict[str, Callable[[Selection, Sequence[Span]], list[Any]]] = {
    "count": count,
    "sum": total,
    "mean": mean,
    "rate": rate,
    "min": least,
    "max": greatest,
    "last": last,
    "days_since_last": days_since_last,
    "distinct": distinct,
    "ever": ever,
    "days_since_first": days_since_first,
    "std": std,
    "slope": slope,
}


def _total(rows: Selection, span: Span) -> Array:
    # Largest weight first, always in this order.
    return sum(span.total(part) * weight for part, weight in rows.parts)


def _share(xp: Any, part: Any, whole: Any) -> Array:
    """``part / whole``, 0.0 where there is nothing to share."""
    return xp.where(whole > 0, part / xp.maximum(whole, 1), 0.0)


def _extremes(rows: Selection, spans: Sequence[Span], reduce: Any) -> list[Any]:
    """Reduce ranges of the values that are known: any range is two halves that may overlap.

    One level of doubled ranges is held at a time (a sparse table: Bender and Farach-Colton,
    "The LCA problem revisited", 2000), and answers the windows of its length.
    """
    xp, running = rows.line.xp, rows.running_values
    ranges = [(running[span.start], running[span.end]) for span in spans]
    levels = [xp.frexp((end - start).astype(xp.float64))[1] - 1 for start, end in ranges]
    table = rows.values[rows.line.order[rows.valued_positions]]
    found = [xp.zeros(len(start), dtype=table.dtype) for start, _ in ranges]
    highest = max((int(level.max()) for level in levels if len(level)), default=-1)
    for nth in range(highest + 1):
        for (start, end), level, out in zip(ranges, levels, found, strict=True):
            at = xp.flatnonzero(level == nth)
            out[at] = reduce(table[start[at]], table[end[at] - (1 << nth)])
        if nth < highest:
            table = reduce(table[: -(1 << nth)], table[1 << nth :])
    return [
        xp.where(level >= 0, out / rows.scale, xp.nan)
        for out, level in zip(found, levels, strict=True)
    ]


def _latest(xp: Any, positions: Any, running: Any, span: Span) -> tuple[Any, Any]:
    """Position of the last of ``positions`` in each window, and whether there is one."""
    start, end = running[span.start], running[span.end]
    if not len(positions):
        return end, end > start
    return positions[xp.maximum(end - 1, 0)], end > start


def _up_to(xp: Any, edge: Any, n_positions: int) -> Array:
    """How many windows' edges lie at or before each position, shape ``(n_positions + 1,)``."""
    return xp.cumsum(xp.bincount(edge, minlength=n_positions + 1))


def _same_before(rows: Selection, positions: Any) -> Array:
    """For each of the positions the one before of the same entity and value; -1 for the first."""
    xp, line = rows.line.xp, rows.line
    value, code_bits = _codes(xp, line, rows.values[line.order[positions]])
    position_bits = max(int(positions[-1]).bit_length(), 1)
    if int(line.nth[-1]).bit_length() + code_bits + position_bits > INT64_BITS:
        by_value = xp.lexsort(xp.stack([positions, value, line.nth[positions]]))
        same = xp.zeros(len(positions), dtype=bool)
        ordered, entity = value[by_value], line.nth[positions][by_value]
        same[1:] = (ordered[1:] == ordered[:-1]) & (entity[1:] == entity[:-1])
    else:
        packed = (line.nth[positions] << code_bits | value) << position_bits | xp.arange(
            len(positions)
        )
        packed.sort()
        by_value = packed & ((1 << position_bits) - 1)
        same = xp.zeros(len(positions), dtype=bool)
        same[1:] = (packed[1:] >> position_bits) == (packed[:-1] >> position_bits)
    before = xp.full(len(positions), -1, dtype=xp.int64)
    behind = xp.flatnonzero(same)
    before[by_value[behind]] = positions[by_value[behind - 1]]
    return before


def _codes(xp: Any, line: Timeline, values: Any) -> tuple[Any, int]:
    """Values as whole numbers from 0, and their bits: as they are where few bits hold them."""
    if values.dtype.kind != "f":
        lowest, highest = int(values.min()), int(values.max())
        bits = (highest - lowest).bit_length()
        if bits + int(line.nth[-1]).bit_length() + len(line.key).bit_length() <= INT64_BITS:
            return values - lowest, bits
    different, code = xp.unique(values, return_inverse=True)
    return code, len(different).bit_length()
