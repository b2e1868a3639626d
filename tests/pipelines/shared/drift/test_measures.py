"""Measures of drift against SciPy's, and what chance makes of them."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from pipelines.shared.drift.measures import (
    by_chance,
    jensen_shannon,
    psi,
    shares,
    wasserstein,
    wasserstein_by_chance,
)

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)
SIDES = COUNTS.flatmap(
    lambda one: st.tuples(
        st.just(one), st.lists(st.integers(0, 500), min_size=len(one), max_size=len(one))
    )
).filter(lambda sides: all(map(sum, sides)))


@given(sides=SIDES)
def test_psi_and_jensen_shannon_are_scipys(sides):
    before, now = (np.array(side, dtype=np.float64) for side in sides)
    q, p = shares(before, now)
    both_ways = scipy.stats.entropy(p, q) + scipy.stats.entropy(q, p)
    assert psi(before, now) == pytest.approx(both_ways, abs=1e-12)
    assert jensen_shannon(before, now) == pytest.approx(
        jensenshannon(p, q, base=2) ** 2, abs=1e-7
    )
    assert psi(before, now) == pytest.approx(psi(now, before), abs=1e-12)


@given(
    sides=SIDES,
    start=st.floats(-1e300, 1e300),
    gaps=st.lists(st.floats(1e-3, 1e6), min_size=12, max_size=12),
)
def test_wasserstein_is_scipys_in_deviations_of_the_reference(sides, start, gaps):
    before, now = (np.array(side, dtype=np.float64) for side in sides)
    at = (1.0 if abs(start) < 1e9 else abs(start)) * np.cumsum(gaps[: len(before)])
    unit = at[-1]
    values = at / unit
    mean = np.average(values, weights=before)
    deviation = np.sqrt(np.average((values - mean) ** 2, weights=before))
    found = wasserstein(at, before, now)
    if not deviation:
        assert found is None
        return
    wanted = scipy.stats.wasserstein_distance(values, values, before, now) / deviation
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_chance_explains_psi_and_wasserstein_as_often_as_it_says():
    draw, chance = np.random.default_rng(0), 0.01
    share = draw.dirichlet(np.full(11, 3.0))
    at = np.sort(draw.lognormal(size=11))
    before = draw.multinomial(20_000, share, 4000).astype(float)
    now = draw.multinomial(150, share, 4000).astype(float)
    found = [(psi(b, n), *by_chance(b, n, chance)) for b, n in zip(before, now, strict=True)]
    value, mean, beyond = np.array(found).T
    assert np.mean(value) == pytest.approx(np.mean(mean), rel=0.1)
    assert np.mean(value > beyond) < 2 * chance
    apart = [
        wasserstein(at, b, n) > wasserstein_by_chance(at, b, n, chance)
        for b, n in zip(before[:1000], now[:1000], strict=True)
    ]
    assert np.mean(apart) <= chance


@pytest.mark.parametrize("sides", [([5, 0], [0, 0]), ([0, 0], [0, 5]), ([5], [3])])
def test_a_side_without_rows_or_spread_has_no_distance(sides):
    before, now = (np.array(side, dtype=np.float64) for side in sides)
    at = np.arange(len(before), dtype=np.float64)
    assert wasserstein(at, before, now) is None
    assert wasserstein_by_chance(at, before, now, 0.01) == 0.0
