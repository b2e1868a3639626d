"""The 64-bit hash of integers and texts, on arrays and in a graph.

Why: a bucket or an id written by one stage is read by others, on other days, machines and array
    libraries, and by the served model; all must hash the same value to the same number.
Promise: never changes. An integer is hashed from the bits of its int64; a text is hashed byte by
    byte in UTF-8 to 64 bits; both are then mixed by one bijection of 64-bit integers.
Sources:
    The bijection is the finaliser of splitmix64: Steele, Lea and Flood, "Fast splittable
    pseudorandom number generators", OOPSLA 2014, with Stafford's variant 13 of MurmurHash3's
    constants, as in Vigna's public-domain ``splitmix64.c``. Texts: FNV-1a, 64 bits, by Fowler,
    Noll and Vo (RFC 9923).
"""

from hashlib import blake2b
from typing import Any

from pipelines.operators.array_types import Array, Tensor

SHIFTS = (30, 27, 31)
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
MASK = 2**64 - 1
FNV_OFFSET, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def mix(xp: Any, keys: Any) -> Array:
    """Hash 64-bit keys, uint64, shape ``(n,)``."""
    first, second, last = (xp.uint64(shift) for shift in SHIFTS)
    mixed = keys ^ (keys >> first)
    mixed *= xp.uint64(MULTIPLIERS[0])
    mixed ^= mixed >> second
    mixed *= xp.uint64(MULTIPLIERS[1])
    mixed ^= mixed >> last
    return mixed


def hash_wholes(xp: Any, values: Any) -> Array:
    """Hash of each int64, uint64, shape ``(n,)``."""
    return mix(xp, xp.ascontiguousarray(values, dtype=xp.int64).view(xp.uint64))


def hash_words(words: Any) -> Array:
    """Hash of each text of a pyarrow string array, uint64 numpy, shape ``(n,)``."""
    import numpy as np
    import pyarrow as pa

    binary = words.cast(pa.large_binary())
    starts = np.frombuffer(binary.buffers()[1], np.int64)[binary.offset :][: len(binary) + 1]
    data = np.frombuffer(binary.buffers()[2] or b"", np.uint8)
    length, hashed = np.diff(starts), np.full(len(binary), FNV_OFFSET, np.uint64)
    for nth in range(int(length.max(initial=0))):
        longer = np.flatnonzero(length > nth)
        byte = data[starts[longer] + nth].astype(np.uint64)
        hashed[longer] = (hashed[longer] ^ byte) * np.uint64(FNV_PRIME)
    return mix(np, hashed)


def check_words(words: Any) -> Array:
    """A second hash of each text, uint64 numpy, ``(n,)``: BLAKE2b, by which FNV-1a's collisions show."""
    import numpy as np

    digests = (blake2b(w.encode(), digest_size=8).digest() for w in words.to_pylist())
    return np.frombuffer(b"".join(digests), "<u8")


def hash_word(word: str) -> int:
    """``hash_words`` of one text, its bits as a signed integer."""
    hashed = FNV_OFFSET
    for byte in word.encode():
        hashed = (hashed ^ byte) * FNV_PRIME & MASK
    for shift, multiplier in zip(SHIFTS, (*MULTIPLIERS, 1), strict=True):
        hashed = (hashed ^ hashed >> shift) * multiplier & MASK
    return hashed - (hashed >> 63 << 64)


def mix_graph(tf: Any, keys: Any) -> Tensor:
    """``mix`` of a uint64 tensor."""
    right, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    for shift, multiplier in zip(SHIFTS, (*MULTIPLIERS, None), strict=True):
        keys = xor(keys, right(keys, tf.constant(shift, tf.uint64)))
        keys = keys if multiplier is None else keys * tf.constant(multiplier, tf.uint64)
    return keys


def hash_wholes_graph(tf: Any, values: Any) -> Tensor:
    """``hash_wholes`` of an int64 tensor."""
    return mix_graph(tf, tf.bitcast(values, tf.uint64))


def hash_words_graph(tf: Any, words: Any) -> Tensor:
    """``hash_words`` of a string tensor ``(n,)``."""
    length = tf.strings.length(words)
    longest = tf.maximum(tf.reduce_max(tf.concat([length, [0]], 0)), 1)
    data = tf.transpose(tf.io.decode_raw(words, tf.uint8, fixed_length=longest))
    prime = tf.constant(FNV_PRIME, tf.uint64)

    def one(nth: Any, hashed: Any) -> tuple[Any, Any]:
        byte = tf.cast(data[nth], tf.uint64)
        longer = tf.bitwise.bitwise_xor(hashed, byte) * prime
        return nth + 1, tf.where(nth < length, longer, hashed)

    start = tf.fill(tf.shape(words), tf.constant(FNV_OFFSET, tf.uint64))
    _, hashed = tf.while_loop(lambda nth, _: nth < longest, one, (0, start))
    return mix_graph(tf, hashed)
