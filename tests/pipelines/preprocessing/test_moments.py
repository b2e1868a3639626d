import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from pipelines.compute import ComputeSettings, Machine, open_compute
from pipelines.errors import ColumnMismatchError
from pipelines.features.statistics import describe
from pipelines.preprocessing.moments import Fitted, Moments, merge_fitted, merge_moments

ONE_CORE = Machine(cores=1, memory_bytes=1 << 30, gpus=0)
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def fitted(values, label=None):
    """A day's statistics, as featurize writes them, read back."""
    label = np.zeros(len(values)) if label is None else label
    return Fitted.from_statistics(describe({"price": np.asarray(values, float)}, label))


def moments(values):
    return fitted(values).moments


@given(values=VALUES, cut=st.integers(0, 60), offset=st.sampled_from([0.0, 1.7e9]))
def test_a_merge_equals_the_whole_table_wherever_it_is_cut(values, cut, offset):
    table = np.array(values) + offset
    merged = merge_moments(moments(table[:cut]), moments(table[cut:]))
    assert merged.count[0] == len(table)
    np.testing.assert_allclose(merged.mean, table.mean(), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(merged.m2, table.var() * len(table), rtol=1e-6, atol=1e-2)


@given(days=st.lists(VALUES | st.just([]), min_size=1, max_size=70))
@settings(max_examples=40, deadline=None)
def test_a_tree_over_days_equals_the_whole_and_comes_out_the_same_each_time(days):
    parts = [fitted(day) for day in days]
    with open_compute(1, ComputeSettings(), ONE_CORE) as compute:
        first, again = (compute.tree(merge_fitted, parts) for _ in range(2))
    whole = np.concatenate([np.asarray(day, float) for day in days])
    assert first.rows == len(whole)
    np.testing.assert_array_equal(first.moments.mean, again.moments.mean)
    np.testing.assert_array_equal(first.moments.m2, again.moments.m2)
    if len(whole):
        np.testing.assert_allclose(first.moments.mean, whole.mean(), rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(
            first.moments.m2, whole.var() * len(whole), rtol=1e-6, atol=1e-2
        )


@given(values=VALUES)
def test_the_deviation_is_that_of_scikit_learn(values):
    scale = StandardScaler().fit(np.array(values).reshape(-1, 1)).scale_
    np.testing.assert_allclose(moments(values).deviation(), scale, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.1, -3.3])
def test_a_constant_column_is_divided_by_one(value):
    assert moments([value] * 1000).deviation().tolist() == [1.0]
    halves = merge_moments(moments([value] * 700), moments([value] * 300))
    assert halves.deviation().tolist() == [1.0]


def test_a_column_without_a_value_has_mean_zero_and_deviation_one():
    nothing = moments([np.nan, np.nan])
    assert (nothing.count[0], nothing.mean[0], nothing.deviation()[0]) == (0, 0.0, 1.0)
    for merged in (
        merge_moments(nothing, moments([3.5])),
        merge_moments(moments([3.5]), nothing),
    ):
        assert (merged.count[0], merged.mean[0], merged.m2[0]) == (1, 3.5, 0.0)


def test_rows_and_positives_add_up():
    parts = [fitted([1.0, 2.0], np.array([0, 1])), fitted([3.0], np.array([1]))]
    merged = merge_fitted(parts)
    assert (merged.rows, merged.positives) == (3, 2)


def test_other_columns_are_refused_and_named():
    other = Moments(("amount",), np.array([1]), np.zeros(1), np.zeros(1))
    with pytest.raises(ColumnMismatchError, match=r"missing: price; unexpected: amount"):
        merge_moments(moments([1.0]), other)
