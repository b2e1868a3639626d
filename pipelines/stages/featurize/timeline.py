"""Rows of an entity in order: one sort, from which every window is a pair of positions.

Why: windows, latest values and sequences all ask where times lie; sorting and searching once
    serves them all.
Promise: integers throughout, so results are exact; ties keep the order in which rows are given,
    which is the declared one (``pipelines/shared/tables/history.py``).
Not here: what is computed over a window (``aggregates.py``). ``xp`` is numpy or cupy.
"""

from dataclasses import dataclass, field
from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.operators.array_types import Array

INT64_BITS = 63
INT64_MAX = 2**INT64_BITS - 1


@dataclass(slots=True)
class Timeline:
    """Rows by entity and time, and where the asked ones are among them.

    Attributes:
        xp: Array module.
        order: Row at each position, shape ``(n_rows,)``.
        key: Entity and time as one ascending number, by position, shape ``(n_rows,)``.
        nth: Which entity, counted from 0, by position, shape ``(n_rows,)``.
        position: Position of each asked row, ascending, shape ``(n_asked,)``; where the asked rows are
            not among them, how many come before it, its ties included.
        asker: Which asked row that is, shape ``(n_asked,)``.
        asked_key: Entity and time of each asked row as such a number, shape ``(n_asked,)``.
        stride: What the numbers of two entities at the same time differ by.
    """

    xp: Any
    order: Any
    key: Any
    nth: Any
    position: Any
    asker: Any
    asked_key: Any
    stride: int = 1
    _edges: dict[tuple[int, str], Any] = field(default_factory=dict)

    def edge(self, back_s: int, side: str = "right") -> Array:
        """Positions up to each asked row's time less ``back_s``; ``left`` leaves that time out."""
        if (back_s, side) not in self._edges:
            reached = self.asked_key - back_s
            self._edges[back_s, side] = self.xp.searchsorted(self.key, reached, side=side)
        return self._edges[back_s, side]

    def span(self, delay_s: int, span_s: int) -> "Span":
        """Each asked row's window (t - delay - span, t - delay]."""
        return Span(self.edge(delay_s + span_s), self.edge(delay_s))

    def since(self) -> Array:
        """Seconds of each row since the first of all, by position."""
        return self.key - self.nth * self.stride

    def running(self, values: Any) -> Array:
        """Running sum of int64 ``values`` (by row), by position, shape ``(n_rows + 1,)``.

        It may pass 2**63 and wrap; differences are right all the same.
        """
        sums = self.xp.zeros(len(self.order) + 1, dtype=self.xp.int64)
        self.xp.cumsum(values[self.order], out=sums[1:])
        return sums


@dataclass(frozen=True, slots=True)
class Span:
    """One window of the asked rows: positions ``start`` to ``end``, each ascending, ``(n_asked,)``."""

    start: Any
    end: Any

    def rows(self) -> Array:
        """Rows in the window."""
        return self.end - self.start

    def total(self, running: Any) -> Array:
        """Sum over the window."""
        return running[self.end] - running[self.start]


def timeline(
    xp: Any, entity: Any, time_s: Any, n_asked: int, reach_s: int, asks: Any = None
) -> Timeline:
    """Sort rows by entity and time.

    Args:
        xp: numpy or cupy.
        entity: int64, shape ``(n_rows,)``, any order.
        time_s: int64 seconds, shape ``(n_rows,)``; rows of one entity and time are in order.
        n_asked: How many rows, the last ones given, ask for their windows.
        reach_s: Seconds back to the far end of the longest window.
        asks: Which rows ask, bool ``(n_rows,)``, where it is not the last ones.

    Raises:
        ConfigError: Entities times time span do not fit 63 bits.
    """
    n_rows = len(entity)
    if n_rows == 0:
        nothing = xp.zeros(0, dtype=xp.int64)
        return Timeline(xp, nothing, nothing, nothing, nothing, nothing, nothing)
    order, is_first, since = _in_order(xp, entity, time_s - time_s.min())
    nth = xp.cumsum(is_first) - 1
    # Wider than any reach back, so that no window touches the entity before.
    stride = int(since.max()) + reach_s + 1
    _require_room(int(nth[-1]) + 1, stride)
    # Asked in ascending order: neighbouring searches share their cache lines.
    if asks is None:
        position = xp.flatnonzero(order >= n_rows - n_asked)
        asker = order[position] - n_rows + n_asked
    else:
        position = xp.flatnonzero(asks[order])
        asker = (xp.cumsum(asks) - 1)[order[position]]
    key = nth * stride + since
    return Timeline(xp, order, key, nth, position, asker, key[position], stride)


def timeline_of_others(
    xp: Any, rows: tuple[Any, Any], asked: tuple[Any, Any], reach_s: int
) -> Timeline:
    """Sort rows by entity and time for others that ask for their windows and are in none.

    Args:
        xp: numpy or cupy.
        rows: Entity and seconds of the rows, int64 ``(n_rows,)``; as in ``timeline``.
        asked: The same of those that ask, ``(n_asked,)``.
        reach_s: Seconds back to the far end of the longest window.

    Raises:
        ConfigError: Entities times time span do not fit 63 bits.
    """
    n_rows, n_asked = len(rows[0]), len(asked[0])
    # Those that ask are given last, so of ties they are behind the rows.
    entity, time_s = (xp.concatenate(both) for both in zip(rows, asked, strict=True))
    line = timeline(xp, entity, time_s, n_asked, reach_s)
    is_row = line.order < n_rows
    before = xp.cumsum(is_row)[line.position] if n_asked else line.position
    return Timeline(
        xp,
        line.order[is_row],
        line.key[is_row],
        line.nth[is_row],
        before,
        line.asker,
        line.asked_key,
        line.stride,
    )


def _in_order(xp: Any, entity: Any, since_s: Any) -> tuple[Any, Any, Any]:
    """Order by entity and time; where an entity begins; the times in that order.

    Entity, time and row packed into one number sort in half the time of two keys, because the
    sort has nothing to carry along; ids that are too wide for that are sorted as they are.
    """
    n_rows, lowest = len(entity), int(entity.min())
    row_bits, time_bits = (n_rows - 1).bit_length(), int(since_s.max()).bit_length()
    is_first = xp.ones(n_rows, dtype=bool)
    if (int(entity.max()) - lowest).bit_length() + time_bits + row_bits > INT64_BITS:
        # The row too is a key: not every array module's sort keeps ties in order.
        order = xp.lexsort(xp.stack([xp.arange(n_rows), since_s, entity]))
        by_entity = entity[order]
        is_first[1:] = by_entity[1:] != by_entity[:-1]
        return order, is_first, since_s[order]
    packed = ((entity - lowest) << time_bits | since_s) << row_bits | xp.arange(n_rows)
    packed.sort()
    by_entity = packed >> (time_bits + row_bits)
    is_first[1:] = by_entity[1:] != by_entity[:-1]
    since = (packed >> row_bits) & ((1 << time_bits) - 1)
    return packed & ((1 << row_bits) - 1), is_first, since


def _require_room(entities: int, stride: int) -> None:
    if entities * stride > INT64_MAX:
        raise ConfigError(
            f"{entities:,} entities over {stride:,} s in one bucket do not fit 63 bits. Raise "
            f"the pipeline's buckets {entities * stride // INT64_MAX + 1}-fold, or check the "
            "event times: a single wrong year makes such a span."
        )
