"""Trailing windows and sequences per entity, by one sort and binary searches on integers.

Why: a window that sums floats depends on the order of rows, leaks one entity's magnitude into
    the next, and lets one NaN spoil every later row.
Promise: results are exact for columns of whole numbers (amounts as cents) and for counts, and
    depend on no order of rows but the declared order of ties: not of files, not of buckets, not
    on later rows.
Not here: reading rows (``bucket.py``), single aggregates (``aggregates.py``).

A row at time t sees its entity's rows with time in (t - delay - span, t - delay].
"""

from dataclasses import dataclass
from typing import Any

from pipelines.operators.array_types import Array
from pipelines.stages.featurize.aggregates import AGGREGATES
from pipelines.stages.featurize.entity_program import (
    DAY_S,
    EntityProgram,
    EventSequence,
    TrailingWindow,
)
from pipelines.stages.featurize.selection import Selection, is_known
from pipelines.stages.featurize.timeline import Timeline, timeline


@dataclass(frozen=True, slots=True)
class SequenceArrays:
    """The last events of each asked row.

    Attributes:
        steps: float32, shape ``(n_asked, K * F)``, oldest first; behind the last step zeros.
        length: int32, shape ``(n_asked,)``: how many steps there are.
    """

    steps: Any
    length: Any


def trailing(
    xp: Any,
    program: EntityProgram,
    columns: dict[str, Any],
    entity: Any,
    time_s: Any,
    n_asked: int,
) -> Array:
    """Every window of an entity, for the last ``n_asked`` rows.

    Args:
        xp: numpy or cupy.
        program: What to compute.
        columns: History columns by name, shape ``(n_rows,)``: whole numbers as int64 with
            ``NULL_WHOLE`` for a null, floats as float64 with NaN for one.
        entity: int64, shape ``(n_rows,)``.
        time_s: int64 seconds, shape ``(n_rows,)``; rows of one entity and time in their order.
        n_asked: How many rows ask, the last ones given.

    Returns:
        float64, shape ``(n_asked, n_outputs)``, in the order of ``program.names()``.

    Raises:
        ConfigError: Keys or values do not fit 63 bits.
    """
    return windows_on(
        timeline(xp, entity, time_s, n_asked, program.reach_s()), program, columns
    )


def windows_on(line: Timeline, program: EntityProgram, columns: dict[str, Any]) -> Array:
    """Every window of the asked rows of a timeline; see ``trailing``."""
    by_position = line.xp.empty(
        (len(line.position), len(program.names())), dtype=line.xp.float64
    )
    outputs = (out for window in program.windows for out in _outputs(line, window, columns))
    for nth, output in enumerate(outputs):
        by_position[:, nth] = output
    found = line.xp.empty_like(by_position)
    found[line.asker] = by_position
    return found


def block_on(line: Timeline, events: EventSequence, columns: dict[str, Any]) -> SequenceArrays:
    """The last events up to each asked row, or up to its delay.

    Without a delay they end with the row itself, its ties in their declared order; without the
    row's own, with the one before. Where the asked rows are not on the timeline, ``own`` is false.
    """
    xp = line.xp
    span = line.span(events.delay_s, events.within_s)
    end = span.end if events.delay_s else line.position + (1 if events.own else 0)
    start = xp.maximum(xp.minimum(span.start, end), end - events.steps)
    length = xp.empty(len(end), dtype=xp.int32)
    length[line.asker] = end - start
    step = xp.arange(events.steps)
    position = xp.minimum(start[:, None] + step, max(len(line.key) - 1, 0))
    is_there = step < (end - start)[:, None]
    shape = (len(end), events.steps, len(events.sources) + 1)
    steps = xp.zeros(shape, dtype=xp.float32)
    if len(end) and len(line.key):
        ago_s = line.asked_key[:, None] - line.key[position]
        steps[:, :, -1] = xp.where(is_there, ago_s / DAY_S, 0.0)
        for nth, source in enumerate(events.sources):
            values = columns[source.column]
            number = xp.where(is_known(xp, values), values / (source.scale or 1), xp.nan)
            steps[:, :, nth] = xp.where(is_there, number[line.order[position]], 0.0)
    found = xp.empty_like(steps)
    found[line.asker] = steps
    return SequenceArrays(found.reshape(len(end), shape[1] * shape[2]), length)


def _outputs(line: Timeline, window: TrailingWindow, columns: dict[str, Any]) -> list[Any]:
    """One array an output, by span and then by aggregate."""
    rows = Selection(line, window, columns)
    spans = [line.span(window.delay_s, span_s) for span_s in window.spans_s]
    by_aggregate = [AGGREGATES[name](rows, spans) for name in window.aggregates]
    return [out for outputs in zip(*by_aggregate, strict=True) for out in outputs]
