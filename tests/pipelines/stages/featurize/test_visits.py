"""Sequences of visits against their definition, written as loops over rows and calendar days."""

import math
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.operators.values import NULL_WHOLE
from pipelines.stages.featurize.entity_program import HistoryColumn, RowFilter, VisitSequence
from pipelines.stages.featurize.timeline import timeline, timeline_of_others
from pipelines.stages.featurize.visits import visits_on
from tests.pipelines.stages.featurize.test_windows import ENTITIES

# Around the change of the clocks in Berlin and New York, in steps of 20 minutes; and before 1970.
SUMMER = int(datetime(2026, 3, 28, 20, tzinfo=UTC).timestamp())
TIMES = st.integers(0, 300).map(lambda n: SUMMER + 1200 * n) | st.sampled_from([-5, -86_401])
CODES = st.integers(0, 4)
VALUES = st.integers(-300, 300) | st.just(NULL_WHOLE)
ROWS = st.lists(st.tuples(ENTITIES, TIMES, CODES, VALUES), max_size=30)
# Codes 0 and 1 are measured, either of 2 and 3 is an event, and 4 is no part of a visit.
CASES = st.builds(
    lambda steps, within, delay, zone: VisitSequence(
        names=("seq", "len"),
        steps=steps,
        delay_s=delay,
        within_s=within,
        code="code",
        source=HistoryColumn("value", 100),
        codes=(RowFilter("code", (0,)), RowFilter("code", (1,))),
        events=(RowFilter("code", (2, 3)),),
        zone=zone,
    ),
    steps=st.integers(1, 5),
    within=st.sampled_from([1200, 86_400, 3 * 86_400, 2 * 10**9]),
    delay=st.sampled_from([0, 0, 1, 40_000]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)


def by_definition(visits, rows, entity, time_s):
    """The steps of one example."""
    end = time_s - visits.delay_s
    seen = [
        r for r in rows if r[0] == entity and end - visits.within_s < r[1] <= end and r[2] < 4
    ]
    seen.sort(key=lambda row: row[1])

    def day(row):
        return datetime.fromtimestamp(row[1], ZoneInfo(visits.zone)).date()

    steps, before = [], None
    for of_day in [list(found) for _, found in groupby(seen, day)]:
        known = [
            [r[3] / 100 for r in of_day if r[2] == code and r[3] != NULL_WHOLE]
            for code in (0, 1)
        ]
        last = of_day[-1][1]
        steps.append(
            [
                *(values[-1] if values else math.nan for values in known),
                *(float(bool(values)) for values in known),
                float(any(r[2] in (2, 3) for r in of_day)),
                (time_s - last) / 86_400,
                math.nan if before is None else (last - before) / 86_400,
            ]
        )
        before = last
    return steps[-visits.steps :]


def block_of(rows, visits, asked=None):
    entity, time_s, code, value = (
        np.array(each, np.int64) for each in (zip(*rows, strict=True) if rows else [()] * 4)
    )
    columns = {"_time_s": time_s, "code": code, "value": value}
    if asked is None:
        line = timeline(np, entity, time_s, len(rows), visits.reach_s())
    else:
        mine = tuple(np.array(each, np.int64) for each in zip(*asked, strict=True))
        line = timeline_of_others(np, (entity, time_s), mine, visits.reach_s())
    return visits_on(line, visits, columns)


def assert_equal(visits, block, wanted):
    for got, length, steps in zip(block.steps, block.length, wanted, strict=True):
        assert length == len(steps)
        shaped = got.reshape(visits.steps, 7)
        np.testing.assert_array_equal(
            shaped[: len(steps)], np.array(steps, np.float32).reshape(-1, 7)
        )
        assert not shaped[len(steps) :].any()


@given(rows=ROWS, visits=CASES)
@settings(max_examples=150)
def test_over_the_own_table_steps_are_the_days_of_the_rows_in_the_window(rows, visits):
    wanted = [by_definition(visits, rows, row[0], row[1]) for row in rows]
    assert_equal(visits, block_of(rows, visits), wanted)


@given(
    rows=ROWS, visits=CASES, asked=st.lists(st.tuples(ENTITIES, TIMES), min_size=1, max_size=9)
)
@settings(max_examples=100)
def test_over_another_table_too_ties_of_the_example_included(rows, visits, asked):
    wanted = [by_definition(visits, rows, *each) for each in asked]
    assert_equal(visits, block_of(rows, visits, asked), wanted)


@given(rows=ROWS, future=ROWS, visits=CASES, now=TIMES, order=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_rows_still_to_come_and_the_order_of_rows_change_no_bit(
    rows, future, visits, now, order
):
    # Of equal times the last row counts, so rows of different times are put in another order.
    past = list({row[:2]: row for row in rows if row[1] <= now}.values())
    later = [(e, now + 1 + nth, c, v) for nth, (e, _, c, v) in enumerate(future)]
    asked = [(row[0], row[1]) for row in past] or [(0, now)]
    before = block_of(past, visits, asked)
    shuffled = past + later
    order.shuffle(shuffled)
    after = block_of(shuffled, visits, asked)
    np.testing.assert_array_equal(before.steps, after.steps)
    np.testing.assert_array_equal(before.length, after.length)


def test_the_visit_of_the_example_s_own_day_ends_at_the_example():
    noon = datetime(2026, 5, 5, 12, tzinfo=UTC)
    rows = [
        (1, int((noon + timedelta(hours=h)).timestamp()), 0, v)
        for h, v in ((-30, 100), (-3, 200), (0, 300), (1, 400))
    ]
    visits = VisitSequence(
        ("seq", "len"),
        3,
        0,
        10**7,
        "code",
        HistoryColumn("value", 100),
        (RowFilter("code", (0,)), RowFilter("code", (1,))),
        (RowFilter("code", (2,)),),
        "UTC",
    )
    (got,) = block_of(rows, visits, [(1, rows[2][1])]).steps
    first, second, padding = got.reshape(3, 7)
    np.testing.assert_array_equal(first, np.float32([1, np.nan, 1, 0, 0, 30 / 24, np.nan]))
    np.testing.assert_array_equal(second, np.float32([3, np.nan, 1, 0, 0, 0, 30 / 24]))
    assert not padding.any()


@pytest.mark.parametrize("rows", [[], [(1, 0, 4, 5)]], ids=["no rows", "none that counts"])
def test_nothing_to_see_has_no_steps(rows):
    visits = VisitSequence(
        ("seq", "len"), 2, 0, 99, "code", None, (), (RowFilter("code", (2,)),), "UTC"
    )
    block = block_of(rows, visits, [(1, 5)])
    assert (block.steps.tolist(), block.length.tolist()) == ([[0.0] * 6], [0])
