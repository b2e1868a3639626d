"""Contributions of inputs of dense networks, beside integrals of a numeric gradient."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.shared.scoring.dense import ACTIVATIONS, Layer, Scorer
from pipelines.shared.scoring.path_attribution import attributed, log_odds

INPUTS = 5


def made(*hidden, activation="relu", members=0, seed=1):
    draw, sizes = np.random.default_rng(seed), (INPUTS, *hidden, 1)
    stack = (members,) if members else ()
    layers = []
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        kernel = draw.normal(size=(*stack, a, b)) / np.sqrt(a) * 1.5
        bias = draw.normal(size=(*stack, 1, b) if members else b) * 0.3
        last = n == len(sizes) - 2
        layers.append(Layer(kernel, bias, "linear" if last else activation))
    return tuple(layers)


def rows(count=20, seed=2, scale=2.0):
    return (np.random.default_rng(seed).normal(size=(count, INPUTS)) * scale).astype(np.float32)


REFERENCE = np.array([0.0, 0.2, -0.1, 0.0, 0.5], np.float32)


def by_quadrature(layers, x, points=4000):
    """The integral of the gradient along the way, by central differences at the middles of many steps."""
    step, at = 1e-5, (np.arange(points) + 0.5) / points
    way = x.astype(np.float64) - REFERENCE
    path = REFERENCE + at[:, None, None] * way
    found = np.empty(x.shape)
    for n in range(INPUTS):
        moved = np.zeros(INPUTS)
        moved[n] = step
        high, low = (
            exact_log_odds(layers, (path + sign * moved).reshape(-1, INPUTS))
            for sign in (1, -1)
        )
        slope = (high - low).reshape(points, len(x)) / (2 * step)
        found[:, n] = slope.mean(axis=0) * way[:, n]
    return found


def exact_log_odds(layers, x):
    values = x
    for layer in layers:
        values = ACTIVATIONS[layer.activation](values @ layer.kernel + layer.bias)
    logits = values[..., 0]
    if logits.ndim == 1:
        return logits
    score = (1 / (1 + np.exp(-logits))).mean(axis=0)
    return np.log(score / (1 - score))


def test_log_odds_are_those_of_the_score():
    for layers in (made(8), made(8, 4, members=3)):
        score = Scorer(layers).score(rows()).astype(np.float64)
        np.testing.assert_allclose(
            log_odds(layers, rows()), np.log(score / (1 - score)), atol=2e-5
        )


def test_of_a_linear_network_a_contribution_is_its_weight_times_the_difference():
    layers = made()
    expected = (rows().astype(np.float64) - REFERENCE) * layers[0].kernel[:, 0]
    np.testing.assert_allclose(attributed(layers, rows(), REFERENCE), expected, rtol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu", "silu"])
@pytest.mark.parametrize(("hidden", "members"), [((12,), 0), ((10, 6), 0), ((8,), 3)], ids=str)
def test_contributions_are_the_integral_of_the_gradient(activation, hidden, members):
    layers, x = made(*hidden, activation=activation, members=members), rows(6)
    ours, integral = attributed(layers, x, REFERENCE), by_quadrature(layers, x)
    largest = np.abs(integral).max(axis=1, keepdims=True)
    assert (np.abs(ours - integral) <= 0.02 * largest).all()


@settings(max_examples=40)
@given(
    hidden=st.sampled_from([(), (7,), (6, 5), (4, 4, 4)]),
    members=st.sampled_from([0, 2, 5]),
    activation=st.sampled_from(sorted(set(ACTIVATIONS) - {"gelu"})),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.0, 1e-6, 1.0, 30.0, 1e4]),
)
def test_contributions_add_up_for_any_network_and_row(hidden, members, activation, seed, scale):
    layers = made(*hidden, activation=activation, members=members, seed=seed)
    x = rows(4, seed, scale)
    found = attributed(layers, x, REFERENCE)
    change = log_odds(layers, x) - log_odds(layers, REFERENCE[None])
    np.testing.assert_allclose(found.sum(axis=1), change, rtol=1e-4, atol=1e-5)


def test_an_input_that_equals_the_reference_or_has_no_weight_contributes_nothing():
    first, last = made(6)
    first.kernel[3] = 0.0
    x = rows()
    x[:, 1] = REFERENCE[1]
    found = attributed((first, last), x, REFERENCE)
    assert (found[:, [1, 3]] == 0).all()
    assert (found[:, 0] != 0).all()


def test_a_rows_contributions_do_not_depend_on_the_rows_beside_it():
    layers, x = made(6, 5), rows(40)
    whole = attributed(layers, x, REFERENCE)
    np.testing.assert_allclose(attributed(layers, x[7:8], REFERENCE)[0], whole[7], rtol=1e-12)
    assert attributed(layers, x[:0], REFERENCE).shape == (0, INPUTS)
