"""What became of each example: which event ended it, and when.

Why: a label must not see what came before the example, nor what is beyond its horizon.
Promise: whole microseconds are compared, so an event at the example's own time came before it. Any number of
    rows by sorting and counting; the result does not depend on their order.
Not here: reading events (``events.py``), which rows are in the model's data (``drawing.py``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.cohort.events import COMPETING_EVENT, EVENT, NEVER, Events, History

DAY_US = 86_400_000_000
Wholes = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ExampleEnds:
    """How examples ended, each array ``(n_rows,)``.

    Attributes:
        days: Days from the example to its end, above 0 for those at risk.
        cause: 1 the event, 2 the competing event, 0 neither.
        prevalent: Whether the event came before the example.
        beyond: Whether the competing event or the end of follow-up came before it.
        followed: Whether it is known what happened within the horizon.
    """

    days: NDArray[np.float64]
    cause: NDArray[np.int8]
    prevalent: Mask
    beyond: Mask
    followed: Mask


def ends_of(history: History, code: Wholes, time_us: Wholes, horizon_days: int) -> ExampleEnds:
    """How each example ended.

    Args:
        history: Events and follow-up of entities.
        code: Number of each example's entity, -1 for one that nothing is known of, ``(n_rows,)``.
        time_us: Time of each example, microseconds since 1970, ``(n_rows,)``.
        horizon_days: Days after which nothing is looked for.
    """
    horizon = horizon_days * DAY_US
    prevalent, to_event = _around(history.event, code, time_us, horizon)
    dead, to_competing = _around(history.competing, code, time_us, horizon)
    known = code >= 0
    end = np.full(len(code), NEVER)
    end[known] = history.end_us[code[known]]
    to_end = _until(end, time_us, horizon)
    stop = np.minimum(to_end, horizon)
    is_event = to_event <= np.minimum(to_competing, stop)
    is_competing = ~is_event & (to_competing <= stop)
    cause = np.where(is_event, EVENT, np.where(is_competing, COMPETING_EVENT, 0))
    last = np.where(is_event, to_event, np.where(is_competing, to_competing, stop))
    return ExampleEnds(
        days=last / DAY_US,
        cause=cause.astype(np.int8),
        prevalent=prevalent,
        beyond=dead | (to_end <= 0),
        followed=(cause > 0) | (to_end >= horizon),
    )


def _around(events: Events, code: Wholes, time_us: Wholes, horizon: int) -> tuple[Mask, Wholes]:
    """Whether an event came at the time or before, and microseconds to the next one, more than the horizon for none."""
    n_events = len(events.code)
    every_code, every_time = (
        np.concatenate(pair) for pair in ((events.code, code), (events.time_us, time_us))
    )
    is_row = np.arange(len(every_code)) >= n_events
    # At one time events come first: they are before the example.
    order = np.lexsort((is_row, every_time, every_code))
    before = np.cumsum(~is_row[order])
    passed = np.empty(len(code), np.int64)
    rows = is_row[order]
    passed[order[rows] - n_events] = before[rows]
    padded = np.concatenate([[-2], events.code, [-2]])
    had = padded[passed] == code
    has_next = padded[passed + 1] == code
    after = np.concatenate([events.time_us, [NEVER]])[passed]
    return had, _until(np.where(has_next, after, NEVER), time_us, horizon)


def _until(end_us: Wholes, time_us: Wholes, horizon: int) -> Wholes:
    """Microseconds from times to ends, no more than just above the horizon: to ``NEVER`` they would overflow."""
    return np.minimum(end_us, time_us + horizon + 1) - time_us
