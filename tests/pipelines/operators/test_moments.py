import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from pipelines.operators import moments as module
from pipelines.operators.moments import (
    chunk_moments,
    deviation,
    joined_moments,
    merged_moments,
    moments_of,
    whole_moments,
)

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def moments(values):
    return moments_of(np, np.asarray(values, float))


@given(values=VALUES, cut=st.integers(0, 60), offset=st.sampled_from([0.0, 1.7e9]))
def test_a_merge_equals_the_whole_table_wherever_it_is_cut(values, cut, offset):
    table = np.array(values) + offset
    merged = merged_moments([moments(table[:cut]), moments(table[cut:])])
    assert merged["count"] == len(table)
    np.testing.assert_allclose(merged["mean"], table.mean(), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(merged["m2"], table.var() * len(table), rtol=1e-6, atol=1e-2)


@given(days=st.lists(VALUES | st.just([]), min_size=1, max_size=70), size=st.integers(1, 9))
@settings(max_examples=40)
def test_any_grouping_of_days_equals_the_whole_to_rounding(days, size):
    parts = [moments(day) for day in days]
    groups = [merged_moments(parts[n : n + size]) for n in range(0, len(parts), size)]
    merged = merged_moments(groups)
    whole = np.concatenate([np.asarray(day, float) for day in days])
    assert merged["count"] == len(whole)
    if len(whole):
        np.testing.assert_allclose(merged["mean"], whole.mean(), rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(merged["m2"], whole.var() * len(whole), rtol=1e-6, atol=1e-2)


@given(values=VALUES)
def test_the_deviation_is_that_of_scikit_learn(values):
    scale = StandardScaler().fit(np.array(values).reshape(-1, 1)).scale_
    np.testing.assert_allclose(deviation(moments(values)), scale, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.1, -3.3])
def test_a_constant_column_is_divided_by_one(value):
    assert deviation(moments([value] * 1000)) == 1.0
    halves = merged_moments([moments([value] * 700), moments([value] * 300)])
    assert deviation(halves) == 1.0


def test_a_column_without_a_value_has_mean_zero_and_deviation_one():
    nothing = moments([np.nan, np.inf])
    assert (nothing["count"], nothing["mean"], deviation(nothing)) == (0, 0.0, 1.0)
    for parts in ([nothing, moments([3.5])], [moments([3.5]), nothing]):
        assert merged_moments(parts) == {"count": 1, "mean": 3.5, "m2": 0.0}


def test_chunks_give_the_same_bits_however_they_are_grouped(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 7)
    values = np.random.default_rng(3).normal(1e6, 3.0, 100)
    values[::9] = np.nan
    whole = whole_moments(chunk_moments(np, values))
    for cuts in ([49], [7, 14, 70], [98]):
        parts = [chunk_moments(np, part) for part in np.split(values, cuts)]
        assert whole_moments(joined_moments(parts)) == whole
        nested = joined_moments([parts[0], joined_moments(parts[1:])])
        assert whole_moments(nested) == whole
    known = values[~np.isnan(values)]
    assert whole["count"] == len(known)
    np.testing.assert_allclose(whole["mean"], known.mean(), rtol=1e-14)
    np.testing.assert_allclose(whole["m2"], known.var() * len(known), rtol=1e-9)


def test_a_column_without_chunks_has_mean_zero():
    assert whole_moments(chunk_moments(np, np.zeros(0))) == {"count": 0, "mean": 0.0, "m2": 0.0}
