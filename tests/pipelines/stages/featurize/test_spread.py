"""Slopes, deviations, and what was ever or first seen, against fractions and against pandas and NumPy."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.operators.values import NULL_WHOLE
from pipelines.stages.featurize import limbs
from pipelines.stages.featurize.entity_program import HistoryColumn
from tests.pipelines.stages.featurize.test_aggregates import FEW, WIDE, inside, known, only_on
from tests.pipelines.stages.featurize.test_windows import rows_of, run, window

NEW = ("slope", "std", "ever", "days_since_first")
ERROR = 2**-47
# A value that is constant, or changes in its last digits, is where rounded sums turn into noise.
NEAR = st.sampled_from([1e9, 1e9 + 2**-20, 0.1, 0.1, -3.7, 2.0**61, math.nan, math.inf])


def by_definition(rows, at, span, delay, only_flag, scale):
    """Exact fractions, rounded at the end; the deviation squared."""
    window_rows = inside(rows, at, span, delay, only_flag)
    pairs = [(Fraction(r[1]), Fraction(r[2]) / scale) for r in window_rows if known(r[2])]
    n, first = len(pairs), window_rows[0][1] if window_rows else None
    slope = variance = math.nan
    if n > 1:
        mean_t, mean_v = (sum(each) / n for each in zip(*pairs, strict=True))
        variance = sum((v - mean_v) ** 2 for _, v in pairs) / (n - 1)
        along = sum((t - mean_t) ** 2 for t, _ in pairs)
        if along:
            slope = sum((t - mean_t) * (v - mean_v) for t, v in pairs) / along * 86_400
    since = math.nan if first is None else (rows[at][1] - first) / 86_400
    return [slope, variance, float(bool(window_rows)), since]


def assert_same(got, wanted):
    slope, deviation, *rest = got
    assert math.isclose(slope, wanted[0], rel_tol=ERROR, abs_tol=1e-18) or (
        math.isnan(slope) and math.isnan(wanted[0])
    )
    assert math.isnan(deviation) == math.isnan(wanted[1])
    if not math.isnan(deviation):
        assert math.isclose(deviation**2, wanted[1], rel_tol=4 * ERROR, abs_tol=1e-36)
    np.testing.assert_array_equal(rest, wanted[2:])


@pytest.mark.parametrize(
    ("value", "dtype", "scale"),
    [(FEW, np.int64, 100), (WIDE, np.int64, 1), (NEAR, np.float64, 0)],
    ids=["few", "wide", "floats"],
)
@given(data=st.data())
@settings(max_examples=60)
def test_slope_and_deviation_equal_their_definition_in_fractions(value, dtype, scale, data):
    rows = data.draw(rows_of(value))
    spans = data.draw(st.lists(st.integers(1, 50), min_size=1, max_size=2).map(tuple))
    delay = data.draw(st.sampled_from([0, 0, 1, 30]))
    only_flag = data.draw(st.sampled_from([None, 0, 1]))
    asked = window(NEW, spans, delay, HistoryColumn("value", scale), only_on(only_flag))
    for at, got in enumerate(run(rows, [asked], len(rows), dtype)):
        for nth, span in enumerate(spans):
            wanted = by_definition(rows, at, span, delay, only_flag, scale or 1)
            assert_same(got[4 * nth : 4 * nth + 4], wanted)


@given(rows=rows_of(NEAR), order=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_no_order_of_rows_and_no_other_entity_changes_a_bit(rows, order):
    asked = [window(NEW, (5, 17), 3, HistoryColumn("value", 0))]
    position = list(range(len(rows)))
    order.shuffle(position)
    found = run(rows, asked, len(rows), np.float64)
    shuffled = run([rows[n] for n in position], asked, len(rows), np.float64)
    np.testing.assert_array_equal(found[position], shuffled)
    alone = [row for row in rows if row[0] == 0]
    mine = [nth for nth, row in enumerate(rows) if row[0] == 0]
    np.testing.assert_array_equal(found[mine], run(alone, asked, len(alone), np.float64))


def test_a_century_of_values_has_the_slope_that_pandas_and_numpy_find():
    rng = np.random.default_rng(0)
    times = np.sort(rng.choice(36_000, 300, replace=False)) * 86_400 + 7
    values = np.round(120 + times / 86_400 * 0.01 + rng.normal(size=300), 1)
    rows = [(1, int(t), v, 0) for t, v in zip(times, values, strict=True)]
    spans = (36_525 * 86_400, 3_650 * 86_400)
    found = run(
        rows, [window(("slope", "std"), spans, 0, HistoryColumn("value", 0))], 300, np.float64
    )
    frame = pd.Series(values, pd.to_datetime(times, unit="s"))
    np.testing.assert_allclose(found[:, 3], frame.rolling("3650D").std(), rtol=1e-9)
    assert found[-1, 0] == pytest.approx(np.polyfit(times / 86_400, values, 1)[0], rel=1e-9)


def test_constant_values_have_slope_and_deviation_0_and_a_straight_line_its_own():
    rows = [(1, day * 86_400, 0.1, 0) for day in range(0, 40_000, 1_000)]
    rows += [(2, day * 86_400, 3.5 - day / 4, 0) for day in range(40)]
    asked = window(("slope", "std"), (36_525 * 86_400,), 0, HistoryColumn("value", 0))
    found = run(rows, [asked], len(rows), np.float64)
    assert (found[1:37] == 0).all()
    assert (found[41:, 0] == -0.25).all()


def test_more_rows_than_the_sums_hold_are_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(limbs, "MOST_ROWS", 2)
    rows = [(1, t, 5, 0) for t in range(3)]
    asked = window(("slope",), (9,), 0, HistoryColumn("value", 1))
    with pytest.raises(ConfigError, match=r"over 3 rows of one entity.*shorter windows"):
        run(rows, [asked], 3)


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1) | st.just(0), max_size=6), st.data())
def test_limbs_hold_whole_numbers_and_their_products_exactly(values, data):
    def value_of(number, nth):
        return sum(int(limb[nth]) << limbs.LIMB_BITS * n for n, limb in enumerate(number))

    one = np.array(values, np.int64)
    other = np.array(data.draw(st.permutations(values)), np.int64)
    left, right = limbs.limbs_of_wholes(one), limbs.limbs_of_wholes(other)
    both = limbs.times(left, right)
    less = limbs.minus(both, both)
    for nth, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        assert (value_of(left, nth), value_of(both, nth)) == (a, a * b)
        assert value_of(less, nth) == 0
    positive = limbs.minus(both, [np.zeros_like(limb) for limb in both])
    exact = [a * b for a, b in zip(one.tolist(), other.tolist(), strict=True)]
    np.testing.assert_allclose(
        limbs.as_floats(positive), np.array(exact, np.float64), rtol=2**-48
    )


def test_null_is_no_value():
    rows = [(1, 0, 5, 0), (1, 9, NULL_WHOLE, 0), (1, 86_400, 7, 0)]
    asked = window(("slope", "std"), (86_401,), 0, HistoryColumn("value", 1))
    found = run(rows, [asked], 3)
    np.testing.assert_array_equal(found, [[np.nan] * 2, [np.nan] * 2, [2.0, 2**0.5]])
