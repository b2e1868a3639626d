"""Shapley values by sampled orders, beside those by every order."""

from itertools import permutations

import numpy as np
import pytest

from pipelines.shared.scoring.sampled_attribution import (
    ORDERS,
    InputColumn,
    log_odds_of,
    orders,
    sampled,
)

FEATURES = (
    (InputColumn("x", 0), InputColumn("ids", 0)),
    (InputColumn("x", 1),),
    (InputColumn("seq_s"), InputColumn("len_s")),
)
DRAWN = np.random.default_rng(3)
ROWS = {
    "x": DRAWN.normal(size=(9, 2)).astype(np.float32),
    "ids": DRAWN.integers(0, 5, (9, 1)).astype(np.int32),
    "seq_s": DRAWN.normal(size=(9, 4, 2)).astype(np.float32),
    "len_s": DRAWN.integers(1, 5, 9).astype(np.int32),
}
REFERENCE = {name: np.zeros_like(values[:1]) for name, values in ROWS.items()}


def additive(arrays):
    each = arrays["x"].sum(axis=1) + np.sqrt(arrays["ids"][:, 0])
    return each.astype(np.float64) + arrays["seq_s"].sum(axis=(1, 2)) * arrays["len_s"]


def mixed(arrays):
    return additive(arrays) + arrays["x"][:, 0] * arrays["x"][:, 1] * arrays["len_s"]


def with_features(chosen):
    """The rows where these features have their own values, and the others those of the reference."""
    found = {name: np.repeat(REFERENCE[name], 9, axis=0) for name in ROWS}
    for feature in chosen:
        for part in FEATURES[feature]:
            where = ... if part.nth is None else (slice(None), part.nth)
            found[part.array][where] = ROWS[part.array][where]
    return found


def by_every_order(predict):
    found, every = np.zeros((9, 3)), [*permutations(range(3))]
    for order in every:
        for n, feature in enumerate(order):
            after, before = (
                predict(with_features(order[: n + 1])),
                predict(with_features(order[:n])),
            )
            found[:, feature] += (after - before) / len(every)
    return found


def test_of_a_sum_they_are_its_terms_whatever_the_order():
    np.testing.assert_allclose(
        sampled(additive, ROWS, REFERENCE, FEATURES), by_every_order(additive), atol=1e-5
    )


def test_they_add_up_exactly_and_are_near_those_by_every_order():
    found, exact = sampled(mixed, ROWS, REFERENCE, FEATURES), by_every_order(mixed)
    change = mixed(ROWS) - mixed(REFERENCE)
    np.testing.assert_allclose(found.sum(axis=1), change, rtol=1e-12, atol=1e-12)
    assert np.abs(found - exact).mean() < 0.25 * np.abs(exact).mean()


def test_each_order_has_its_reverse_and_a_call_costs_what_is_said():
    rows = []
    sampled(lambda a: rows.append(len(a["len_s"])) or additive(a), ROWS, REFERENCE, FEATURES)
    assert sum(rows) == ORDERS * (len(FEATURES) + 1) * 9
    assert [list(each) for each in orders(4)[1::2]] == [list(e[::-1]) for e in orders(4)[::2]]


def test_scores_of_0_and_1_have_finite_log_odds():
    found = log_odds_of(np.array([0.0, 1e-20, 0.5, 1.0], np.float32))
    assert np.isfinite(found).all()
    assert found[1] == pytest.approx(np.log(1e-20), rel=1e-6)
    assert found[2] == 0.0
