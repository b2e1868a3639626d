"""Trailing windows per entity, by one sort, running sums and binary searches on integers.

Why: a window that sums floats depends on the order of rows, leaks one entity's magnitude into
    the next, and lets one NaN spoil every later row.
Promise: results are exact for columns of whole numbers (amounts as cents) and for counts, and
    depend on no order of rows: not of ties, not of files, not of buckets, not on later rows.
    Floats without declared decimals are summed in units of 2**-62, so their sums too depend on
    no order; digits below that are dropped.
Not here: reading rows (``bucket.py``). ``xp`` is numpy or cupy.

A row at time t sees its entity's rows with time in (t - delay - span, t - delay].
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipelines.errors import ConfigError
from pipelines.features.program import EntityProgram, Window

INT64_BITS = 63
INT64_MAX = 2**INT64_BITS - 1
# A float is cut into whole units, units of 2**-31 and units of 2**-62. A window of up to 2**31
# rows then sums without overflow; larger values than this do not fit the first.
FLOAT_UNIT = 2.0**-31
FLOAT_LIMIT = 2.0**62


@dataclass(slots=True)
class Timeline:
    """Rows by entity and time, and where the asked ones lie among them.

    Attributes:
        xp: Array module.
        order: Row at each place, shape ``(n_rows,)``.
        key: Entity and time as one ascending number, by place, shape ``(n_rows,)``.
        asked: Key of each asked row, ascending, shape ``(n_asked,)``.
        asker: Which asked row that is, shape ``(n_asked,)``.
    """

    xp: Any
    order: Any
    key: Any
    asked: Any
    asker: Any
    _edges: dict[int, Any] = field(default_factory=dict)

    def edge(self, back_s: int) -> Any:
        """Places up to each asked row's time less ``back_s``, that time included."""
        if back_s not in self._edges:
            reached = self.asked - back_s
            self._edges[back_s] = self.xp.searchsorted(self.key, reached, side="right")
        return self._edges[back_s]

    def running(self, values: Any) -> Any:
        """Running sum of int64 ``values`` (by row), by place, shape ``(n_rows + 1,)``.

        It may pass 2**63 and wrap; differences are right all the same.
        """
        sums = self.xp.zeros(len(self.order) + 1, dtype=self.xp.int64)
        self.xp.cumsum(values[self.order], out=sums[1:])
        return sums


@dataclass(frozen=True, slots=True)
class Span:
    """One window of the asked rows: places ``start`` to ``end``, each shape ``(n_asked,)``."""

    start: Any
    end: Any

    def rows(self) -> Any:
        """Rows in the window."""
        return self.end - self.start

    def total(self, running: Any) -> Any:
        """Sum over the window."""
        return running[self.end] - running[self.start]


def timeline(xp: Any, entity: Any, time_s: Any, n_asked: int, reach_s: int) -> Timeline:
    """Sort rows by entity and time.

    Args:
        xp: numpy or cupy.
        entity: int64, shape ``(n_rows,)``, any order.
        time_s: int64 seconds, shape ``(n_rows,)``.
        n_asked: How many rows, the last ones given, ask for their windows.
        reach_s: Seconds back to the far end of the longest window.

    Raises:
        ConfigError: Entities times time span do not fit 63 bits.
    """
    n_rows = len(entity)
    if n_rows == 0:
        nothing = xp.zeros(0, dtype=xp.int64)
        return Timeline(xp, nothing, nothing, nothing, nothing)
    order, is_first, since = _in_order(xp, entity, time_s - time_s.min())
    nth = xp.cumsum(is_first) - 1
    # Wider than any reach back, so that no window touches the entity before.
    stride = int(since.max()) + reach_s + 1
    _require_room(int(nth[-1]) + 1, stride)
    key = nth * stride + since
    # Asked in ascending order: neighbouring searches share their cache lines.
    asks = order >= n_rows - n_asked
    return Timeline(xp, order, key, key[asks], order[asks] - (n_rows - n_asked))


def trailing(
    xp: Any,
    program: EntityProgram,
    columns: dict[str, Any],
    entity: Any,
    time_s: Any,
    n_asked: int,
) -> Any:
    """Every window of an entity, for the last ``n_asked`` rows.

    Args:
        xp: numpy or cupy.
        program: What to compute.
        columns: History columns by name, shape ``(n_rows,)``: whole numbers as int64, floats
            as float64, NaN for a null in either.
        entity: int64, shape ``(n_rows,)``.
        time_s: int64 seconds, shape ``(n_rows,)``.
        n_asked: How many rows ask, the last ones given.

    Returns:
        float64, shape ``(n_asked, n_outputs)``, in the order of ``program.names()``. A mean, a
        sum and a rate over nothing are 0.0; nulls are no values and leave no trace in them.

    Raises:
        ConfigError: Keys or values do not fit 63 bits.
    """
    reach_s = max(window.reach_s() for window in program.windows)
    line = timeline(xp, entity, time_s, n_asked, reach_s)
    by_key = xp.empty((n_asked, len(program.names())), dtype=xp.float64)
    outputs = (out for window in program.windows for out in _outputs(line, window, columns))
    for nth, output in enumerate(outputs):
        by_key[:, nth] = output
    found = xp.empty_like(by_key)
    found[line.asker] = by_key
    return found


def _in_order(xp: Any, entity: Any, since_s: Any) -> tuple[Any, Any, Any]:
    """Order by entity and time; where an entity begins; the times in that order.

    Entity, time and row packed into one number sort in half the time of two keys, because the
    sort has nothing to carry along; ids that are too wide for that are sorted as they are.
    """
    n_rows, lowest = len(entity), int(entity.min())
    row_bits, time_bits = (n_rows - 1).bit_length(), int(since_s.max()).bit_length()
    is_first = xp.ones(n_rows, dtype=bool)
    if (int(entity.max()) - lowest).bit_length() + time_bits + row_bits > INT64_BITS:
        order = xp.lexsort(xp.stack([since_s, entity]))
        by_entity = entity[order]
        is_first[1:] = by_entity[1:] != by_entity[:-1]
        return order, is_first, since_s[order]
    packed = ((entity - lowest) << time_bits | since_s) << row_bits | xp.arange(n_rows)
    packed.sort()
    by_entity = packed >> (time_bits + row_bits)
    is_first[1:] = by_entity[1:] != by_entity[:-1]
    since = (packed >> row_bits) & ((1 << time_bits) - 1)
    return packed & ((1 << row_bits) - 1), is_first, since


def _outputs(line: Timeline, window: Window, columns: dict[str, Any]) -> Iterator[Any]:
    """One array an output, by span and then by aggregate."""
    sums = _sums(line, window, columns)
    for span_s in window.spans_s:
        span = Span(line.edge(window.delay_s + span_s), line.edge(window.delay_s))
        for aggregate in window.aggregates:
            yield sums.aggregate(line.xp, aggregate, span)


@dataclass(slots=True)
class _Sums:
    """Running sums from which every aggregate of a window is a difference.

    Attributes:
        counted: Rows that count; None where all do.
        valued: Rows that count and have a value; None where all do.
        ones: Rows whose value is 1; None where no rate is asked for.
        parts: ``(running sum, weight)``: the value is the sum of part times weight.
        scale: Divides the total; whole, so that a mean is rounded once.
    """

    counted: Any = None
    valued: Any = None
    ones: Any = None
    parts: tuple[tuple[Any, float], ...] = ()
    scale: int = 1

    def aggregate(self, xp: Any, name: str, span: Span) -> Any:
        """One aggregate over one span, shape ``(n_asked,)``."""
        if name == "count":
            return _rows(span, self.counted)
        if name == "rate":
            return _share(xp, span.total(self.ones), _rows(span, self.valued))
        # Largest weight first, always in this order.
        total = sum(span.total(part) * weight for part, weight in self.parts)
        if name == "sum":
            return total / self.scale
        return _share(xp, total, _rows(span, self.valued) * self.scale)


def _sums(line: Timeline, window: Window, columns: dict[str, Any]) -> _Sums:
    xp, source, only = line.xp, window.source, window.only
    counts = None if only is None else columns[only.column] == only.value
    counted = _running_mask(line, counts)
    if source is None:
        return _Sums(counted)
    values, has_value = columns[source.column], counts
    if values.dtype.kind == "f":
        known = xp.isfinite(values)
        has_value = known if counts is None else known & counts
    if has_value is not None:
        values = xp.where(has_value, values, xp.zeros_like(values))
    scale = source.scale or 1
    sums = _Sums(counted, _running_mask(line, has_value), scale=scale)
    if "rate" in window.aggregates:
        sums.ones = _running_mask(line, values == scale)
    if {"sum", "mean"} & set(window.aggregates):
        whole = [(values.astype(xp.int64), 1.0)] if source.scale else _float_parts(xp, values)
        sums.parts = tuple((line.running(part), weight) for part, weight in whole)
    return sums


def _float_parts(xp: Any, values: Any) -> list[tuple[Any, float]]:
    """Floats as whole numbers of three units, exactly but for digits below 2**-62."""
    largest = float(xp.abs(values).max()) if len(values) else 0.0
    if largest >= FLOAT_LIMIT:
        raise ConfigError(
            f"A window sums values up to {largest:g}; they must stay below {FLOAT_LIMIT:g}. "
            "Declare the column in a larger unit, or give it a high."
        )
    parts, weight = [], 1.0
    for _ in range(3):
        whole = xp.trunc(values)
        parts.append((whole.astype(xp.int64), weight))
        values = (values - whole) / FLOAT_UNIT
        weight *= FLOAT_UNIT
    return parts


def _running_mask(line: Timeline, mask: Any) -> Any:
    return None if mask is None else line.running(mask)


def _rows(span: Span, running: Any) -> Any:
    return span.rows() if running is None else span.total(running)


def _share(xp: Any, total: Any, count: Any) -> Any:
    """``total / count``, 0.0 where there is nothing to share."""
    return xp.where(count > 0, total / xp.maximum(count, 1), 0.0)


def _require_room(entities: int, stride: int) -> None:
    if entities * stride > INT64_MAX:
        raise ConfigError(
            f"{entities:,} entities over {stride:,} s in one bucket do not fit 63 bits. Raise "
            f"the pipeline's buckets {entities * stride // INT64_MAX + 1}-fold, or check the "
            "event times: a single wrong year makes such a span."
        )
