"""The latent disease: stages, what moves a patient through them, and what can be seen of them.

Why: the simulator and the best reachable score must be of one model, written down once.
Promise: every rate is per year and has one definition here; nothing here is random.
Not here: drawing patients (``patients.py``) and their records (``histories.py``), the score (``best_scores.py``).

Stages 0 (well) to 3 (ill and not diagnosed) are hidden. From 3 the disease is diagnosed, which is stage 4 and
the outcome. The way is forward only, each step faster with age, weight, smoking, male sex and a hidden
genetic risk. Death is possible from each stage, and likelier in later ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.domains.disease_progression import codes

Floats = NDArray[np.float64]

HIDDEN, DIAGNOSED, LIVING = 4, 4, 5
"""Number of hidden stages, the stage of the diagnosis, and the number of stages of the living."""

STEP_RATES = (0.03, 0.09, 0.16)
DIAGNOSIS_RATE = 0.9
AGE_SLOPE, AGE_CENTER = 0.05, 62.0
DEATH_RATE, DEATH_SLOPE, DEATH_CENTER = 0.007, 0.09, 60.0
DEATH_FACTORS = (1.0, 1.05, 1.15, 1.4, 1.6)
VISIT_RATES = (1.2, 1.4, 1.9, 2.6, 2.4)
LOSS_RATE = 0.04
PRESSURE_RATE, PRESSURE_SLOPE = 0.02, 0.05
PRESSURE_FACTORS = (1.0, 1.2, 1.5, 1.9, 2.0)
SMOKING_NOTED, WEIGHED, WEIGHT_DEVIATION = 0.35, 0.5, 0.6
HEALTHY_AGE = 20.0
STEPS_TO_ENTRY = 24
FAMILY_LOGIT = (-1.0, 1.0)
"""Chance of a known family history: intercept, and slope of the genetic risk."""


@dataclass(frozen=True, slots=True)
class LabTest:
    """A test, and what it shows of a stage.

    Attributes:
        code: Its code in the records.
        means: Mean by stage.
        deviation: Standard deviation of a value about the patient's own mean.
        habit: Shift of the patient's mean per standard deviation of the hidden habit.
        chances: Chance by stage that a visit has the test.
        decimals: Decimals of a value.
    """

    code: str
    means: tuple[float, ...]
    deviation: float
    habit: float
    chances: tuple[float, ...]
    decimals: int


TESTS = (
    LabTest(
        codes.HBA1C,
        (5.2, 5.6, 6.0, 6.6, 7.2),
        0.22,
        0.12,
        (0.55, 0.65, 0.8, 0.9, 0.95),
        2,
    ),
    LabTest(
        codes.GLUCOSE,
        (88.0, 96.0, 107.0, 124.0, 145.0),
        9.0,
        4.0,
        (0.6, 0.65, 0.75, 0.85, 0.9),
        0,
    ),
    LabTest(
        codes.HDL,
        (56.0, 53.0, 50.0, 46.0, 44.0),
        8.0,
        -3.0,
        (0.4, 0.4, 0.45, 0.5, 0.6),
        0,
    ),
    LabTest(
        codes.PRESSURE,
        (124.0, 126.0, 129.0, 133.0, 135.0),
        13.0,
        2.0,
        (0.85, 0.85, 0.9, 0.9, 0.95),
        0,
    ),
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What moves patients through the stages; arrays of one shape, or of shapes that broadcast.

    Attributes:
        bmi: Body mass index, kg/m².
        smokes: 1 for smokers.
        male: 1 for men.
        gene: Hidden genetic risk, standard normal.
    """

    bmi: Floats
    smokes: Floats
    male: Floats
    gene: Floats

    def pace(self) -> Floats:
        """Factor of the rates of the steps between hidden stages."""
        known = 0.45 * (self.bmi - 27.0) / 4.5 + 0.4 * self.smokes + 0.2 * self.male
        return np.exp(known + 0.45 * self.gene)

    def frailty(self) -> Floats:
        """Factor of the rate of death."""
        return np.exp(0.5 * self.smokes + 0.3 * self.male)

    def family_chance(self) -> Floats:
        """Chance that a family history is known."""
        start, slope = FAMILY_LOGIT
        return 1 / (1 + np.exp(-(start + slope * self.gene)))


def step_rates(age: Floats, pace: Floats) -> Floats:
    """Rates out of the hidden stages into the next one, shape ``(..., 4)``."""
    factor = pace * np.exp(AGE_SLOPE * (age - AGE_CENTER))
    moving = factor[..., None] * np.array(STEP_RATES)
    last = np.full((*factor.shape, 1), DIAGNOSIS_RATE)
    return np.concatenate([moving, last], axis=-1)


def death_rates(age: Floats, frailty: Floats) -> Floats:
    """Rates of death by stage of the living, shape ``(..., 5)``."""
    factor = DEATH_RATE * frailty * np.exp(DEATH_SLOPE * (age - DEATH_CENTER))
    return factor[..., None] * np.array(DEATH_FACTORS)


def pressure_rates(age: Floats) -> Floats:
    """Rates of a diagnosis of hypertension by hidden stage, shape ``(..., 4)``."""
    factor = PRESSURE_RATE * np.exp(PRESSURE_SLOPE * (age - AGE_CENTER))
    return factor[..., None] * np.array(PRESSURE_FACTORS[:HIDDEN])


def transitions(years: Floats, steps: Floats, exits: Floats) -> Floats:
    """Chances to be in each stage after some years, by the stage before.

    Args:
        years: Length of the time, shape ``(...)``.
        steps: Rates into the next stage, shape ``(..., k - 1)`` or, where the last stage is left too, ``(..., k)``.
        exits: Rates of what ends the record or is counted elsewhere, shape ``(..., k)``.

    Returns:
        Shape ``(..., k, k)``; rows sum to less than 1 by what left.
    """
    k = exits.shape[-1]
    out = exits.copy()
    out[..., : steps.shape[-1]] += steps
    rates = np.zeros((*out.shape, k))
    at = np.arange(k)
    rates[..., at, at] = -out
    rates[..., at[:-1], at[1:]] = steps[..., : k - 1]
    return exponential(rates * years[..., None, None])


def exponential(matrices: Floats) -> Floats:
    """Matrix exponentials, shape ``(..., k, k)``: a Taylor series of order 8 after scaling, then squaring."""
    norm = float(np.abs(matrices).sum(axis=-1).max(initial=0.0))
    squarings = max(0, int(np.ceil(np.log2(max(norm, 1e-300) / 0.25))))
    scaled, one = matrices / 2.0**squarings, np.eye(matrices.shape[-1])
    result = np.broadcast_to(one, matrices.shape)
    for order in range(8, 0, -1):
        result = one + scaled @ result / order
    for _ in range(squarings):
        result = result @ result
    return result


def entry_stages(age: Floats, pace: Floats, frailty: Floats) -> Floats:
    """Chances of the stages at an age, of those who live, shape ``(..., 5)``: all are well at 20."""
    shape = np.broadcast_shapes(age.shape, pace.shape, frailty.shape)
    age, pace = np.broadcast_to(age, shape), np.broadcast_to(pace, shape)
    stages = np.zeros((*shape, 1, LIVING))
    stages[..., 0] = 1.0
    years = (age - HEALTHY_AGE) / STEPS_TO_ENTRY
    for nth in range(STEPS_TO_ENTRY):
        middle = HEALTHY_AGE + (nth + 0.5) * years
        deaths = np.broadcast_to(death_rates(middle, frailty), (*shape, LIVING))
        stages = stages @ transitions(years, step_rates(middle, pace), deaths)
    living = stages[..., 0, :]
    return living / living.sum(axis=-1, keepdims=True)
