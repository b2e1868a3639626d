"""The latent model against slow oracles: matrix exponentials, stages at an age, chances, random numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.stats import kstest

from pipelines.domains.disease_progression import progression as model
from pipelines.domains.disease_progression.best_scores import outcome_chances
from pipelines.domains.disease_progression.draws import DrawnFor, Draws
from pipelines.domains.disease_progression.progression import Traits

AVERAGE = Traits(np.array(27.0), np.array(0.0), np.array(0.0), np.array(0.0))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-9, 30.0))
def test_matrix_exponentials_are_scipys(seed, scale):
    matrices = np.random.default_rng(seed).normal(size=(3, 5, 5)) * scale / 5
    wanted = np.array([expm(each) for each in matrices])
    np.testing.assert_allclose(
        model.exponential(matrices), wanted, rtol=1e-7, atol=1e-9 * np.abs(wanted).max()
    )


def stepped(age, years, traits, start):
    """Chances of the stages after some years, and to have been diagnosed, by small steps."""
    steps, pace, frailty = 4_000, traits.pace(), traits.frailty()
    chances, ever = np.eye(model.LIVING)[start], 0.0
    for nth in range(steps):
        now, dt = np.array(age + (nth + 0.5) * years / steps), years / steps
        moves = np.append(chances[:4] * model.step_rates(now, pace), 0.0) * dt
        ever += moves[3]
        dies = chances * model.death_rates(now, frailty) * dt
        chances = chances - moves - dies
        chances[1:] += moves[:-1]
    return chances, ever


def test_stages_at_an_age_are_those_of_small_steps_among_the_living():
    found = model.entry_stages(np.array([60.0]), AVERAGE.pace(), AVERAGE.frailty())[0]
    chances, _ = stepped(20.0, 40.0, AVERAGE, 0)
    np.testing.assert_allclose(found, chances / chances.sum(), atol=5e-4)


@pytest.mark.parametrize("stage", range(4))
def test_the_chance_of_the_outcome_is_that_of_small_steps(stage):
    traits = Traits(np.array(34.0), np.array(1.0), np.array(1.0), np.array(1.0))
    _, ever = stepped(62.0, 3.0, traits, stage)
    assert outcome_chances(np.array([62.0]), traits, 3.0)[0, stage] == pytest.approx(
        ever, abs=1e-3
    )


def test_random_numbers_are_uniform_normal_and_of_their_position_alone():
    draws = Draws(5, np.arange(400))
    many = draws.uniform(DrawnFor.VISIT, 50)
    assert kstest(many.ravel(), "uniform").pvalue > 1e-3
    assert kstest(draws.normal(DrawnFor.GENE, 50).ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(many[:, 0], many[:, 1])[0, 1]) < 0.2
    np.testing.assert_array_equal(draws.uniform(DrawnFor.VISIT, 7, first=20), many[:, 20:27])
    some = Draws(5, np.array([17, 3]))
    np.testing.assert_array_equal(some.uniform(DrawnFor.VISIT, 50), many[[17, 3]])
    assert (Draws(6, np.arange(400)).uniform(DrawnFor.VISIT, 50) != many).all()
    assert (draws.uniform(DrawnFor.VISIT_GAP, 50) != many).all()
