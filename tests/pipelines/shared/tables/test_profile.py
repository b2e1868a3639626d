"""Profiles against the values themselves: merging, and what drift is."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shared.tables.profile import jensen_shannon, merge_profiles, profile_of, psi

VALUES = st.lists(
    st.one_of(st.floats(-1e9, 1e9), st.sampled_from([math.nan, math.inf, 0.0, -0.0])),
    max_size=60,
)


@given(values=VALUES, cut=st.integers(0, 60))
def test_days_merge_to_the_whole_in_any_order(values, cut):
    column = np.array(values, dtype=np.float64)
    parts = [profile_of({"x": part}) for part in (column[:cut], column[cut:])]
    whole = profile_of({"x": column})
    assert merge_profiles(parts) == merge_profiles(parts[::-1]) == whole
    assert whole["x"]["known"] == sum(map(math.isfinite, values))


def naive_drift(before, now):
    """For the values 1 to 10, each a tenth: a bin each; below, above, unknown and, up to 8, between
    two of them nothing.
    """
    shares = []
    for side in (before, now):
        counts = [*(np.count_nonzero(side == v) for v in range(1, 11)), *[0] * 10]
        shares.append((np.array(counts) + 0.5) / (len(side) + 10))
    q, p = shares
    middle = (p + q) / 2
    js = (np.sum(p * np.log2(p / middle)) + np.sum(q * np.log2(q / middle))) / 2
    return np.sum((p - q) * np.log(p / q)), js


def test_drift_is_that_of_a_count_by_hand():
    draw = np.random.default_rng(0)
    before = np.repeat(np.arange(1.0, 11.0), 30)
    now = np.minimum(draw.integers(1, 11, 200).astype(float) ** 2 // 10 + 1, 10)
    sides = [profile_of({"x": side})["x"] for side in (before, now)]
    wanted = naive_drift(before, now)
    assert (psi(*sides), jensen_shannon(*sides)) == pytest.approx(wanted, rel=1e-12)


def test_the_same_values_drift_nowhere_and_disjoint_ones_by_almost_a_bit():
    low, high = (profile_of({"x": np.full(10_000, v)})["x"] for v in (1.0, 900.0))
    assert (psi(low, low), jensen_shannon(low, low)) == (0.0, 0.0)
    assert jensen_shannon(low, high) > 0.99
    assert psi(low, high) == pytest.approx(psi(high, low))


def test_values_that_went_missing_are_drift():
    known = np.arange(1000.0)
    lost = np.where(np.arange(1000) % 2 == 0, math.nan, known)
    sides = [profile_of({"x": side})["x"] for side in (known, lost)]
    assert psi(*sides) > 1
