"""Normal scores against SciPy's ranks and normal quantiles, and in the served graph."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipelines.operators.quantile_normal import QuantileNormal
from tests.pipelines import strict_arrays

SMALL = st.lists(st.integers(-500, 500), min_size=1, max_size=60)
# TensorFlow takes subnormal numbers for 0, and so also differences that are.
NUMBERS = st.floats(-1e12, 1e12).map(lambda value: value if abs(value) > 1e-280 else 0.0)
FLOATS = st.lists(NUMBERS, min_size=1, max_size=80)


def fitted(parts, n=200):
    step = QuantileNormal(n)
    return step, step.finalise(
        step.merge([step.partial(np, np.array(part, np.float64)) for part in parts])
    )


def scores(step, fit, values, xp=np):
    return step.transform(xp, xp.asarray(np.array(values, np.float64)), step.ready(xp, fit))[0]


@given(values=SMALL)
def test_training_values_have_the_normal_quantiles_of_their_mean_ranks(values):
    step, fit = fitted([values])
    shares = (stats.rankdata(values) - 0.5) / len(values)
    wanted = stats.norm.ppf(shares).clip(-3, 3)
    np.testing.assert_allclose(scores(step, fit, values), wanted, rtol=1e-9, atol=1e-9)


@given(values=FLOATS, asked=FLOATS, n=st.sampled_from([2, 5, 200]))
def test_scores_are_monotone_and_within_3_and_unknown_stays_unknown(values, asked, n):
    step, fit = fitted([values], n)
    found = scores(step, fit, sorted(asked))
    assert (np.diff(found) >= 0).all()
    assert (np.abs(found) <= 3).all()
    assert len(fit["values"]) <= n or n > len(set(values))
    assert np.isnan(scores(step, fit, [np.nan])).all()


@given(values=FLOATS, cuts=st.lists(st.integers(0, 80), max_size=3))
def test_no_grouping_of_partitions_changes_a_bit(values, cuts):
    edges = sorted([0, *cuts, len(values)])
    parts = [values[a:b] for a, b in pairwise(edges)]
    assert fitted(parts)[1] == fitted([values])[1] == fitted(parts[::-1])[1]


@given(values=FLOATS, asked=FLOATS, n=st.sampled_from([2, 5, 200]))
@settings(max_examples=12)
def test_the_graph_gives_the_same_bits_as_the_arrays(values, asked, n):
    tf = pytest.importorskip("tensorflow")
    step, fit = fitted([values], n)
    asked = [*asked, *values, np.nan]
    ours = scores(step, fit, asked)
    (served,) = step.graph(tf, tf.constant(asked, tf.float64), fit, None)
    np.testing.assert_array_equal(served.numpy(), ours)
    np.testing.assert_array_equal(scores(step, fit, asked, strict_arrays).get(), ours)


def test_many_values_become_normal_and_their_tails_are_cut():
    values = np.exp(np.random.default_rng(0).normal(size=50_000) * 3)
    step, fit = fitted([values[:20_000], values[20_000:]])
    found = scores(step, fit, values)
    wanted = stats.norm.ppf((stats.rankdata(values) - 0.5) / len(values)).clip(-3, 3)
    inner = np.abs(wanted) < 2.5
    assert np.abs(found - wanted)[inner].max() < 0.03
    assert scores(step, fit, [0.0, 1e9]).tolist() == [-3.0, 3.0]


def test_one_value_and_none_have_the_score_0():
    for parts in ([[7.0, 7.0]], [[]], [[np.nan]]):
        step, fit = fitted(parts)
        found = scores(step, fit, [7.0, -1e300, 1e300, np.nan])
        np.testing.assert_array_equal(found, [0.0, 0.0, 0.0, np.nan])


@pytest.mark.parametrize("n", [1, 5_000])
def test_a_number_of_quantiles_out_of_range_is_refused(n):
    assert f"n must be 2 to 4,096; got {n}" in next(QuantileNormal(n).problems())
