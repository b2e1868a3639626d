"""Random numbers of a patient, by what they are for.

Why: a patient must be the same however many others are simulated, in whatever blocks, and however long; a
    generator's stream would give each patient numbers that depend on what was drawn before.
Promise: a number follows from the seed, the patient, its purpose and its position, and from nothing else.

Source:
    Numbers are counters that are hashed, as in Salmon et al., "Parallel random numbers: as easy as
    1, 2, 3", SC 2011; the hash is the library's bijection of 64-bit integers.
"""

from dataclasses import dataclass
from enum import IntEnum, unique

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.hashing import MASK, mix

Floats = NDArray[np.float64]
Wholes = NDArray[np.int64]

BITS = 53
ODD = np.uint64(0x9E3779B97F4A7C15)


@unique
class DrawnFor(IntEnum):
    """What random numbers are for; a new purpose leaves those of others as they are."""

    ENTRY = 1
    AGE = 2
    SEX = 3
    BODY = 4
    SMOKING = 5
    GENE = 6
    FAMILY = 7
    HABIT = 8
    ENTRY_STAGE = 9
    ONSET = 10
    DEATH = 11
    LOSS = 12
    PRESSURE = 13
    VISIT_GAP = 14
    VISIT = 15
    SMOKING_NOTED = 16
    WEIGHED = 17
    WEIGHT = 18
    PLANT = 19
    TEST_DONE = 32
    TEST_NOISE = 64


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of some patients.

    Attributes:
        seed: Seed of the simulation.
        patients: Their numbers, from 0, shape ``(n_patients,)``.
    """

    seed: int
    patients: Wholes

    def uniform(self, purpose: int, n: int = 1, first: int = 0) -> Floats:
        """Numbers in (0, 1) at the positions from ``first`` on, shape ``(n_patients, n)``."""
        return self._uniform(2 * purpose, n, first)

    def one(self, purpose: int) -> Floats:
        """One number in (0, 1) for each patient, shape ``(n_patients,)``."""
        return self.uniform(purpose)[:, 0]

    def exponential(self, purpose: int, n: int = 1, first: int = 0) -> Floats:
        """Exponential numbers of mean 1, shape ``(n_patients, n)``."""
        return -np.log(self.uniform(purpose, n, first))

    def normal(self, purpose: int, n: int = 1, first: int = 0) -> Floats:
        """Standard normal numbers, shape ``(n_patients, n)``."""
        angle = 2 * np.pi * self._uniform(2 * purpose + 1, n, first)
        return np.sqrt(2 * self.exponential(purpose, n, first)) * np.cos(angle)

    def _uniform(self, key: int, n: int, first: int) -> Floats:
        own = mix(np, self.patients.astype(np.uint64) * ODD + np.uint64(self.seed))
        of_purpose = mix(np, own ^ np.uint64(key * int(ODD) & MASK))
        positions = np.arange(first, first + n, dtype=np.uint64) * ODD
        hashed = mix(np, (of_purpose[:, None] + positions[None, :]).ravel())
        whole = (hashed >> np.uint64(64 - BITS)).astype(np.float64)
        return ((whole + 0.5) / 2.0**BITS).reshape(len(self.patients), n)
