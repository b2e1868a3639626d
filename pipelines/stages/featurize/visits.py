"""The last visits of each asked row's entity: the rows of a day as one step.

Why: a long-form table has a row for each value, and a network reads one visit after the other.
Promise: whole numbers decide which rows are in which visit, so results depend on no order of rows but the
    declared order of ties; of the visit that a window cuts through, the rows within it count.
Not here: sequences of single rows (``windows.py``). ``xp`` is numpy or cupy.
"""

from dataclasses import dataclass
from typing import Any

from pipelines.core.zones import zone_table
from pipelines.operators.array_types import Array
from pipelines.operators.local_time import local_seconds
from pipelines.shared.tables.history import TIME_S
from pipelines.stages.featurize.entity_program import DAY_S, VisitSequence
from pipelines.stages.featurize.selection import equal_any, is_known
from pipelines.stages.featurize.timeline import Timeline
from pipelines.stages.featurize.windows import SequenceArrays


@dataclass(frozen=True, slots=True)
class _Steps:
    """Rows of the visits that each asked row sees, shape ``(n_asked, steps)``, oldest first.

    Attributes:
        low: First row of each, among those that count.
        high: The row after its last.
        before: Last row of the visit before, -1 where the window has none.
        there: Whether there is such a step.
    """

    low: Any
    high: Any
    before: Any
    there: Any


def visits_on(line: Timeline, visits: VisitSequence, columns: dict[str, Any]) -> SequenceArrays:
    """The last visits up to each asked row's time, or up to its delay.

    Args:
        line: The rows in order, with those that ask.
        visits: What is declared of them.
        columns: History columns by name, the rows' seconds among them.
    """
    xp = line.xp
    shape = (len(line.asker), visits.steps, visits.width // visits.steps)
    block = xp.zeros(shape, dtype=xp.float32)
    length = xp.zeros(shape[0], dtype=xp.int32)
    marked = [
        equal_any(xp, columns[visits.code], each.values)
        for each in (*visits.codes, *visits.events)
    ]
    counts = sum(marked[1:], marked[0])
    positions = xp.flatnonzero(counts[line.order])
    if shape[0] and len(positions):
        steps = _steps(line, visits, columns, counts, positions)
        numbers = _numbers(line, visits, columns, marked, positions, steps)
        for nth, number in enumerate(numbers):
            block[:, :, nth] = xp.where(steps.there, number, 0.0)
        length[line.asker] = steps.there.sum(axis=1)
    found = xp.empty_like(block)
    found[line.asker] = block
    return SequenceArrays(found.reshape(shape[0], visits.width), length)


def _steps(
    line: Timeline, visits: VisitSequence, columns: dict[str, Any], counts: Any, positions: Any
) -> _Steps:
    xp, running = line.xp, line.running(counts)
    span = line.span(visits.delay_s, visits.within_s)
    first, end = (running[edge][:, None] for edge in (span.start, span.end))
    visit, begin = _visits(line, visits, columns, positions)
    newest, oldest = (
        visit[xp.minimum(at, len(visit) - 1)] for at in (xp.maximum(end - 1, 0), first)
    )
    back = visits.steps - 1 - xp.arange(visits.steps)
    # Of fewer visits than steps the last are the first ones from the left.
    missing = xp.maximum(visits.steps - 1 - newest + oldest, 0)
    nth = newest - back + missing
    there = (end > first) & (nth <= newest)
    nth = xp.where(there, nth, 0)
    low = xp.maximum(begin[nth], first)
    high = xp.minimum(begin[nth + 1], end)
    return _Steps(
        low=xp.where(there, low, 0),
        high=xp.where(there, high, 1),
        before=xp.where(there & (nth > oldest), low - 1, -1),
        there=there,
    )


def _visits(
    line: Timeline, visits: VisitSequence, columns: dict[str, Any], positions: Any
) -> tuple[Any, Any]:
    """Which visit each row is of, counted from 0, and where each begins, with the end behind them."""
    xp, entity = line.xp, line.nth[positions]
    time_s = columns[TIME_S][line.order[positions]].astype(xp.float64)
    day = xp.floor(local_seconds(xp, time_s, zone_table(visits.zone)) / DAY_S)
    is_first = xp.ones(len(positions), dtype=bool)
    is_first[1:] = (entity[1:] != entity[:-1]) | (day[1:] != day[:-1])
    begin = xp.flatnonzero(is_first)
    end = xp.full(1, len(positions), dtype=begin.dtype)
    return xp.cumsum(is_first) - 1, xp.concatenate([begin, end])


def _numbers(
    line: Timeline,
    visits: VisitSequence,
    columns: dict[str, Any],
    marked: list[Any],
    positions: Any,
    steps: _Steps,
) -> list[Any]:
    """Values, flags and times of each step, in the order of the declaration."""
    xp, row = line.xp, line.order[positions]
    values, flags = list[Any](), list[Any]()
    if visits.source is not None:
        raw = columns[visits.source.column][row]
        known = is_known(xp, raw)
        number = raw / (visits.source.scale or 1)
    for nth, mark in enumerate(marked):
        here = mark[row]
        if nth < len(visits.codes):
            at, there = _last(xp, here & known, steps)
            values.append(xp.where(there, number[at], xp.nan))
        else:
            _, there = _last(xp, here, steps)
        flags.append(there * 1.0)
    return [*values, *flags, *_days(line, positions, steps)]


def _last(xp: Any, counts: Any, steps: _Steps) -> tuple[Array, Array]:
    """The last row of each step that counts, and whether there is one."""
    running = xp.concatenate([xp.zeros(1, dtype=xp.int64), xp.cumsum(counts)])
    which, until = xp.flatnonzero(counts), running[steps.high]
    there = steps.there & (until > running[steps.low])
    if not len(which):
        return steps.low, there
    return which[xp.maximum(until - 1, 0)], there


def _days(line: Timeline, positions: Any, steps: _Steps) -> tuple[Array, Array]:
    """Days from each visit's last row to the example, and to it from the visit before."""
    xp, key = line.xp, line.key[positions]
    last = key[steps.high - 1]
    gap_s = last - key[xp.maximum(steps.before, 0)]
    ago_s = line.asked_key[:, None] - last
    return ago_s / DAY_S, xp.where(steps.before >= 0, gap_s / DAY_S, xp.nan)
