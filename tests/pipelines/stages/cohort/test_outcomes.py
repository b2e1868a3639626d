"""What became of each example, against the definition applied row by row."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.stages.cohort.events import NEVER, Events, History
from pipelines.stages.cohort.outcomes import DAY_US, ends_of

PATIENTS, HORIZON = 3, 10
# Quarter days around the examples, so that ties and neighbours of the horizon are common.
TIMES = st.integers(-60, 60).map(lambda quarter: quarter * DAY_US // 4)
WHO = st.integers(0, PATIENTS - 1)
ROWS = st.lists(st.tuples(st.integers(-1, PATIENTS - 1), TIMES), max_size=25)
EVENTS = st.lists(st.tuples(WHO, TIMES), max_size=12)
ENDS = st.lists(st.one_of(st.just(NEVER), TIMES), min_size=PATIENTS, max_size=PATIENTS)


def kept(events):
    code, time = (np.array([e[n] for e in sorted(events)], np.int64) for n in (0, 1))
    return Events(code, time)


def by_hand(row, events, competing, ends):
    """Days, cause, prevalent, beyond and followed of one example."""
    who, time = row
    horizon = time + HORIZON * DAY_US
    end = ends[who] if who >= 0 else NEVER
    own = sorted(t for w, t in events if w == who)
    others = sorted(t for w, t in competing if w == who)
    last = min(end, horizon)
    first = next((t for t in own if t > time), None)
    other = next((t for t in others if t > time), None)
    cause, stop = 0, last
    if first is not None and first <= last and (other is None or first <= other):
        cause, stop = 1, first
    elif other is not None and other <= last:
        cause, stop = 2, other
    return (
        (stop - time) / DAY_US,
        cause,
        any(t <= time for t in own),
        any(t <= time for t in others) or end <= time,
        cause > 0 or end >= horizon,
    )


@given(rows=ROWS, events=EVENTS, competing=EVENTS, ends=ENDS)
@settings(max_examples=300, deadline=None)
def test_each_example_ends_as_its_definition_says(rows, events, competing, ends):
    history = History(
        pa.array(range(PATIENTS)), kept(events), kept(competing), np.array(ends, np.int64)
    )
    code, time = (np.array([row[n] for row in rows], np.int64) for n in (0, 1))
    found = ends_of(history, code, time, HORIZON)
    for n, row in enumerate(rows):
        days, cause, prevalent, beyond, followed = by_hand(row, events, competing, ends)
        assert (found.prevalent[n], found.beyond[n]) == (prevalent, beyond)
        if not beyond:
            assert (found.days[n], found.cause[n]) == (days, cause)
            assert found.days[n] > 0
            assert found.followed[n] == followed


@given(rows=ROWS, events=EVENTS, seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_examples_changes_nothing(rows, events, seed):
    history = History(pa.array(range(PATIENTS)), kept(events), kept([]), np.full(3, NEVER))
    code, time = (np.array([row[n] for row in rows], np.int64) for n in (0, 1))
    order = np.random.default_rng(seed).permutation(len(rows))
    one = ends_of(history, code, time, HORIZON)
    other = ends_of(history, code[order], time[order], HORIZON)
    np.testing.assert_array_equal(one.days[order], other.days)
    np.testing.assert_array_equal(one.cause[order], other.cause)


def test_times_at_the_ends_of_the_calendar_do_not_overflow():
    far = np.iinfo(np.int64).max - 1
    history = History(pa.array([0]), kept([(0, far)]), kept([]), np.array([NEVER]))
    found = ends_of(history, np.array([0]), np.array([-(2**55)]), 36_525)
    assert (found.days[0], found.cause[0], found.followed[0]) == (36_525, 0, True)
