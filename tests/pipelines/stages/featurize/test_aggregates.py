"""Aggregates and sequences against their definition, written as loops over whole rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.operators.values import NULL_WHOLE
from pipelines.stages.featurize.entity_program import (
    EntityProgram,
    EventSequence,
    HistoryColumn,
    RowFilter,
)
from pipelines.stages.featurize.timeline import timeline
from pipelines.stages.featurize.windows import block_on
from tests.pipelines.stages.featurize.test_windows import ENTITIES, TIMES, rows_of, run, window

LATEST = ("min", "max", "last", "days_since_last", "distinct")
# Few values, so that the same one comes again within a window and outside it.
FEW = st.integers(-3, 3) | st.just(NULL_WHOLE)
WIDE = st.sampled_from([-(2**62), 0, 5, 2**62, NULL_WHOLE])
FLOATS = st.sampled_from([-0.5, 0.25, 1e300, math.nan, math.inf])


def inside(rows, at, span, delay, only_flag):
    """Rows in the window of the row at that position, in the order of time and then of the list."""
    entity, time_s = rows[at][:2]
    found = [
        row
        for row in rows
        if row[0] == entity
        and time_s - delay - span < row[1] <= time_s - delay
        and (only_flag is None or row[3] == only_flag)
    ]
    return sorted(found, key=lambda row: row[1])


def known(value):
    return value != NULL_WHOLE and math.isfinite(value)


def by_definition(rows, at, span, delay, only_flag, scale):
    window_rows = inside(rows, at, span, delay, only_flag)
    values = [row[2] for row in window_rows if known(row[2])]
    earlier = [row[1] for row in window_rows if row[1] < rows[at][1]]
    nothing = math.nan
    return [
        min(values) / scale if values else nothing,
        max(values) / scale if values else nothing,
        values[-1] / scale if values else nothing,
        (rows[at][1] - earlier[-1]) / 86_400 if earlier else nothing,
        len(set(values)),
    ]


@pytest.mark.parametrize(
    ("value", "dtype", "scale"),
    [(FEW, np.int64, 100), (WIDE, np.int64, 1), (FLOATS, np.float64, 0)],
    ids=["few", "wide", "floats"],
)
@given(data=st.data())
@settings(max_examples=120)
def test_the_least_greatest_last_and_distinct_equal_their_definition(value, dtype, scale, data):
    rows = data.draw(rows_of(value))
    spans = data.draw(st.lists(st.integers(1, 50), min_size=1, max_size=3).map(tuple))
    delay = data.draw(st.sampled_from([0, 0, 1, 7, 30]))
    n_asked = min(data.draw(st.integers(0, 30)), len(rows))
    only_flag = data.draw(st.sampled_from([None, 0, 1]))
    asked = window(LATEST, spans, delay, HistoryColumn("value", scale), only_on(only_flag))
    found = run(rows, [asked], n_asked, dtype)
    wanted = [
        [v for s in spans for v in by_definition(rows, at, s, delay, only_flag, scale or 1)]
        for at in range(len(rows) - n_asked, len(rows))
    ]
    np.testing.assert_array_equal(found, np.array(wanted).reshape(found.shape))


def only_on(flag):
    return None if flag is None else RowFilter("flag", (flag,))


@given(
    rows=st.lists(st.tuples(ENTITIES, TIMES, FEW), max_size=25),
    steps=st.integers(1, 5),
    within=st.integers(1, 50),
    delay=st.sampled_from([0, 0, 1, 9]),
    own=st.booleans(),
)
@settings(max_examples=200)
def test_a_sequence_holds_the_last_events_oldest_first(rows, steps, within, delay, own):
    events = EventSequence(
        ("seq", "len"), steps, delay, within, own, (HistoryColumn("value", 100),)
    )
    entity, time_s, value = zip(*rows, strict=True) if rows else ((), (), ())
    arrays = [np.array(column, np.int64) for column in (entity, time_s, value)]
    line = timeline(np, arrays[0], arrays[1], len(rows), events.reach_s())
    block = block_on(line, events, {"value": arrays[2]})
    for at, row in enumerate(rows):
        seen = [
            (r[1], nth, r[2])
            for nth, r in enumerate(rows)
            if r[0] == row[0] and row[1] - delay - within < r[1] <= row[1] - delay
        ]
        if not delay:  # up to the row itself, in order of time and then of the list
            last = (row[1], at) if own else (row[1], at - 0.5)
            seen = [event for event in seen if event[:2] <= last]
        seen = sorted(seen)[-steps:]
        assert block.length[at] == len(seen)
        got = block.steps[at].reshape(steps, 2)
        for step, (when, _, cents) in zip(got, seen, strict=False):
            wanted = math.nan if cents == NULL_WHOLE else cents / 100
            np.testing.assert_array_equal(
                step, np.array([wanted, (row[1] - when) / 86_400], np.float32)
            )
        assert not got[len(seen) :].any()


@given(rows=rows_of(FEW), future=rows_of(FEW), now=st.integers(0, 40), delay=st.integers(0, 10))
@settings(max_examples=60)
def test_rows_still_to_come_move_no_aggregate_and_no_sequence(rows, future, now, delay):
    past = [row for row in rows if row[1] <= now]
    later = [(e, now + 1 + t, v, f) for e, t, v, f in future]
    asked = [window(LATEST, (5, 17), delay, HistoryColumn("value", 1))]
    before = run(past, asked, len(past))
    after = run(later + past, asked, len(past))
    np.testing.assert_array_equal(before, after)


def test_one_entity_with_all_rows_and_many_with_one_each():
    for rows in ([(1, t, t % 3, 0) for t in range(500)], [(t, t, 1, 0) for t in range(500)]):
        found = run(rows, [window(LATEST, (7, 400), 0, HistoryColumn("value", 1))], 500)
        wanted = [
            [v for s in (7, 400) for v in by_definition(rows, at, s, 0, None, 1)]
            for at in range(500)
        ]
        np.testing.assert_array_equal(found, wanted)


def test_nobody_asking_and_no_rows_give_empty_blocks():
    events = EventSequence(("seq", "len"), 3, 0, 9, True, (HistoryColumn("value", 1),))
    empty = np.zeros(0, np.int64)
    line = timeline(np, empty, empty, 0, 9)
    block = block_on(line, events, {"value": empty})
    assert block.steps.shape == (0, 6)
    assert block.length.shape == (0,)
    program = EntityProgram("entity", (), (events,))
    assert program.every_name() == ("seq", "len")
