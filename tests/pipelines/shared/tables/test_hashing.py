import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.operators.hashing import mix
from pipelines.shared.tables.hashing import bucket_of

GOLDEN_GAMMA, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


def mixed_by_python(key: int) -> int:
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & MASK
    return key ^ (key >> 31)


def test_mix_gives_the_published_splitmix64_sequence_of_seed_1234567():
    states = [(1234567 + n * GOLDEN_GAMMA) & MASK for n in range(1, 6)]
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert mix(np, np.array(states, dtype=np.uint64)).tolist() == published


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50), st.integers(1, 64))
def test_a_bucket_is_the_unsigned_hash_modulo_the_number_of_buckets(entities, buckets):
    found = bucket_of(np.array(entities, dtype=np.int64), buckets)
    assert found.tolist() == [mixed_by_python(e & MASK) % buckets for e in entities]


def test_mixing_leaves_the_keys_as_they_were():
    keys = np.arange(10, dtype=np.uint64)
    mix(np, keys)
    assert keys.tolist() == list(range(10))


def test_consecutive_ids_spread_evenly_over_buckets():
    counts = np.bincount(bucket_of(np.arange(80_000), 8), minlength=8)
    assert counts.min() > 9_600
    assert counts.max() < 10_400
