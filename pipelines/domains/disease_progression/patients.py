"""The patients of a simulation: who they are, and when their records begin.

Promise: a patient follows from the seed and its number alone.
Not here: what happens to them (``histories.py``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.domains.disease_progression.draws import DrawnFor, Draws, Floats
from pipelines.domains.disease_progression.progression import Traits, entry_stages

YOUNGEST, OLDEST = 35.0, 75.0
EARLY_SHARE, LAST_ENTRY_YEAR = 0.5, 12.0
MALE_SHARE, SMOKING_SHARE = 0.49, 0.22


@dataclass(frozen=True, slots=True)
class Patients:
    """Patients, arrays of shape ``(n_patients,)``.

    Attributes:
        draws: Their random numbers.
        entry: Years from the first day of the simulation until the record begins.
        age: Age at the entry in years.
        traits: What moves them through the stages.
        habit: Hidden shift of their laboratory values, standard normal.
        family: Whether a family history is known.
        stage: Stage at the entry.
    """

    draws: Draws
    entry: Floats
    age: Floats
    traits: Traits
    habit: Floats
    family: NDArray[np.bool_]
    stage: NDArray[np.int64]


def draw_patients(draws: Draws) -> Patients:
    """Draw patients: half of the records begin in the first year, the others over twelve."""
    first, later = draws.uniform(DrawnFor.ENTRY, 2).T
    entry = np.where(first < EARLY_SHARE, later, later * LAST_ENTRY_YEAR)
    age = YOUNGEST + (OLDEST - YOUNGEST) * draws.one(DrawnFor.AGE)
    traits = Traits(
        bmi=np.clip(27.0 + 4.5 * draws.normal(DrawnFor.BODY)[:, 0], 16.0, 50.0),
        smokes=(draws.one(DrawnFor.SMOKING) < SMOKING_SHARE).astype(np.float64),
        male=(draws.one(DrawnFor.SEX) < MALE_SHARE).astype(np.float64),
        gene=draws.normal(DrawnFor.GENE)[:, 0],
    )
    chances = np.cumsum(entry_stages(age, traits.pace(), traits.frailty()), axis=1)
    return Patients(
        draws=draws,
        entry=entry,
        age=age,
        traits=traits,
        habit=draws.normal(DrawnFor.HABIT)[:, 0],
        family=draws.one(DrawnFor.FAMILY) < traits.family_chance(),
        stage=(draws.one(DrawnFor.ENTRY_STAGE)[:, None] > chances[:, :-1]).sum(axis=1),
    )
