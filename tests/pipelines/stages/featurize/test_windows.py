import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.stages.featurize import timeline as timelines
from pipelines.stages.featurize.entity_program import (
    EntityProgram,
    HistoryColumn,
    RowFilter,
    TrailingWindow,
)
from pipelines.stages.featurize.timeline import timeline
from pipelines.stages.featurize.windows import trailing

# Few entities and few times, so that ties and crossings of window edges are common; one id is
# far out, so that the keys are too wide to pack.
ENTITIES = st.sampled_from([0, 1, 2, -7]) | st.sampled_from([0, 2**62, -(2**62)])
TIMES = st.integers(0, 40) | st.sampled_from([10**9, 10**9 + 5])
CENTS = st.integers(-(10**12), 10**12)
FLOATS = st.floats(-1e9, 1e9) | st.sampled_from([1e12, 0.1, math.nan])


def rows_of(value):
    return st.lists(st.tuples(ENTITIES, TIMES, value, st.integers(0, 1)), max_size=30)


def window(aggregates, spans, delay, source, only=None):
    names = tuple(f"{a}{s}" for s in spans for a in aggregates)
    return TrailingWindow(names, aggregates, spans, delay, source, only)


def run(rows, windows_, n_asked, value_type=np.int64):
    entity, time_s, value, flag = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {"value": np.array(value, value_type), "flag": np.array(flag, np.int64)}
    program = EntityProgram("entity", tuple(windows_))
    entity, time_s = np.array(entity, np.int64), np.array(time_s, np.int64)
    return trailing(np, program, columns, entity, time_s, n_asked)


def seen(rows, row, span, delay, only_flag=None):
    """The rows in a row's window, by the definition."""
    entity, time_s = row[:2]
    return [
        r
        for r in rows
        if r[0] == entity
        and time_s - delay - span < r[1] <= time_s - delay
        and (only_flag is None or r[3] == only_flag)
    ]


@given(
    rows=rows_of(CENTS),
    n_asked=st.integers(0, 30),
    spans=st.lists(st.integers(1, 50), min_size=1, max_size=3, unique=True).map(tuple),
    delay=st.integers(0, 30),
    only_flag=st.sampled_from([None, 0, 1]),
)
@settings(max_examples=300)
def test_windows_of_whole_numbers_equal_their_definition_exactly(
    rows, n_asked, spans, delay, only_flag
):
    n_asked = min(n_asked, len(rows))
    only = None if only_flag is None else RowFilter("flag", (only_flag,))
    aggregates = ("count", "sum", "mean")
    found = run(
        rows, [window(aggregates, spans, delay, HistoryColumn("value", 100), only)], n_asked
    )
    for row, got in zip(rows[len(rows) - n_asked :], found, strict=True):
        wanted = []
        for span in spans:
            cents = [r[2] for r in seen(rows, row, span, delay, only_flag)]
            total = Fraction(sum(cents), 100)
            wanted += [len(cents), float(total), float(total / max(len(cents), 1))]
        assert got.tolist() == wanted


@given(rows=rows_of(FLOATS), span=st.integers(1, 50), delay=st.integers(0, 30))
@settings(max_examples=200)
def test_floats_and_nulls_sum_like_an_exact_sum_of_the_window_alone(rows, span, delay):
    asked = window(("sum", "mean", "count"), (span,), delay, HistoryColumn("value", 0))
    found = run(rows, [asked], len(rows), np.float64)
    for row, got in zip(rows, found, strict=True):
        inside = seen(rows, row, span, delay)
        values = [r[2] for r in inside if not math.isnan(r[2])]
        total, size = math.fsum(values), sum(map(abs, values))
        tolerance = 1e-15 * size + 1e-17 * len(values)
        assert got[0] == pytest.approx(total, rel=1e-15, abs=tolerance)
        assert got[1] == pytest.approx(total / max(len(values), 1), rel=1e-14, abs=tolerance)
        assert got[2] == len(inside)


@given(rows=rows_of(CENTS), span=st.integers(1, 50), delay=st.integers(0, 30))
def test_a_rate_is_the_share_of_ones_and_zero_over_nothing(rows, span, delay):
    found = run(rows, [window(("rate",), (span,), delay, HistoryColumn("flag", 1))], len(rows))
    for row, got in zip(rows, found[:, 0], strict=True):
        flags = [r[3] for r in seen(rows, row, span, delay)]
        assert got == (sum(flags) / len(flags) if flags else 0.0)


@given(
    rows=rows_of(FLOATS),
    future=rows_of(FLOATS),
    now=st.integers(0, 40),
    delay=st.integers(0, 10),
    flips=st.randoms(use_true_random=False),
)
def test_rows_still_to_come_and_labels_not_yet_known_move_no_feature(
    rows, future, now, delay, flips
):
    past = [row for row in rows if row[1] <= now]
    later = [(e, now + 1 + t, v, f) for e, t, v, f in future]
    unknown = [(e, t, v, flips.randint(0, 1) if t > now - delay else f) for e, t, v, f in past]
    asked = [
        window(("count", "sum", "mean"), (5, 17), 0, HistoryColumn("value", 0)),
        window(("count", "rate"), (5, 17), delay, HistoryColumn("flag", 1)),
    ]
    before = run(past, asked, len(past), np.float64)
    after = run(later + unknown, asked, len(past), np.float64)
    np.testing.assert_array_equal(before, after)


@given(rows=rows_of(FLOATS), order=st.randoms(use_true_random=False))
def test_no_order_of_rows_changes_a_bit(rows, order):
    asked = [window(("count", "sum", "mean"), (5, 17), 3, HistoryColumn("value", 0))]
    position = list(range(len(rows)))
    order.shuffle(position)
    found = run(rows, asked, len(rows), np.float64)
    shuffled = run([rows[n] for n in position], asked, len(rows), np.float64)
    np.testing.assert_array_equal(found[position], shuffled)


def test_one_entity_does_not_leak_its_magnitude_or_its_nulls_into_the_next():
    rows = [(1, 0, 1e17, 0), (1, 1, math.nan, 0), (2, 0, 0.1, 0), (2, 1, 0.2, 0)]
    found = run(rows, [window(("sum",), (9,), 0, HistoryColumn("value", 0))], 4, np.float64)
    assert found[:, 0].tolist() == [1e17, 1e17, 0.1, 0.1 + 0.2]


def test_no_rows_and_nobody_asking_give_empty_results():
    asked = [window(("count", "mean"), (9,), 0, HistoryColumn("value", 100))]
    assert run([], asked, 0).shape == (0, 2)
    assert run([(1, 0, 5, 0)], asked, 0).shape == (0, 2)


def test_keys_that_do_not_fit_63_bits_are_refused_and_the_message_says_what_to_do():
    entity, time_s = np.array([1, 2, 3]), np.array([0, 2**62, 5])
    with pytest.raises(ConfigError, match=r"3 entities over .* do not fit 63 bits.*buckets"):
        timeline(np, entity, time_s, 3, 86_400)


def test_floats_too_large_to_sum_exactly_are_refused():
    asked = [window(("sum",), (9,), 0, HistoryColumn("value", 0))]
    with pytest.raises(ConfigError, match=r"values up to 1e\+30; they must stay below"):
        run([(1, 0, 1e30, 0)], asked, 1, np.float64)


@pytest.mark.parametrize("wide", [1, 2**61])
def test_packed_keys_and_wide_ids_sort_alike(wide):
    rng = np.random.default_rng(0)
    entity, time_s = rng.integers(0, 3, 200) * wide, rng.integers(0, 90, 200)
    line = timeline(np, entity, time_s, 200, 10)
    pairs = list(zip(entity[line.order].tolist(), time_s[line.order].tolist(), strict=True))
    assert pairs == sorted(pairs)
    assert (np.diff(line.key) >= 0).all()
    assert sorted(line.order.tolist()) == list(range(200))
    assert timelines.INT64_BITS == 63
