"""Copies of entities by a hash: Poisson numbers of mean 1 that follow from the key alone."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.operators.hashing import hash_wholes
from pipelines.shared.metrics.entity_copies import entity_copies

HASHES = hash_wholes(np, np.arange(20_000))


def test_copies_are_distributed_as_poisson_numbers_of_mean_1():
    for copies in entity_copies(HASHES, 3, seed=5):
        for number in range(4):
            chance = math.exp(-1) / math.factorial(number)
            share = (copies == number).mean()
            assert abs(share - chance) < 4 * math.sqrt(chance * (1 - chance) / len(HASHES))


@settings(max_examples=20)
@given(
    keys=st.lists(st.integers(-(2**62), 2**62), unique=True, max_size=30),
    seed=st.integers(0, 9),
)
def test_an_entity_is_as_often_in_a_resample_among_whatever_others(keys, seed):
    hashes = hash_wholes(np, np.array(keys, np.int64))
    together = [*entity_copies(hashes, 4, seed)]
    for n in range(len(keys)):
        alone = [*entity_copies(hashes[n : n + 1], 4, seed)]
        assert [each[0] for each in alone] == [each[n] for each in together]


def test_resamples_and_seeds_are_unlike_one_another():
    first, second = entity_copies(HASHES, 2, seed=1)
    (other,) = entity_copies(HASHES, 1, seed=2)
    for a, b in ((first, second), (first, other)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.04
