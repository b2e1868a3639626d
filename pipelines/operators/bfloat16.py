"""float32 numbers as bfloat16: the same range, half the bytes, 8 bits of precision.

Why: NumPy has no such type, and preprocessing must not import TensorFlow for it.
Promise: rounding equals TensorFlow's cast to bfloat16, except that numbers beyond bfloat16 (above
    3.3895e38) become 0, as those beyond float32 do.
"""

from typing import Any

from pipelines.operators.array_types import Array, Tensor

BFLOAT16 = "bfloat16"
HALF, MASK, EXPONENT = 0x7FFF, 1, 0x7F80
DROPPED_BITS = 16


def narrowed(xp: Any, values: Any) -> Array:
    """Round each finite float32 to the nearest bfloat16, ties to even; return its bits as uint16."""
    bits = xp.ascontiguousarray(values, dtype=xp.float32).view(xp.uint32)
    even = (bits >> xp.uint32(DROPPED_BITS)) & xp.uint32(MASK)
    even += bits
    even += xp.uint32(HALF)
    found = (even >> xp.uint32(DROPPED_BITS)).astype(xp.uint16)
    found[(found & xp.uint16(EXPONENT)) == EXPONENT] = 0
    return found


def widened(xp: Any, bits: Any) -> Array:
    """Convert bfloat16 bits to float32, exactly; return other arrays unchanged."""
    if bits.dtype != xp.uint16:
        return bits
    return (bits.astype(xp.uint32) << xp.uint32(DROPPED_BITS)).view(xp.float32)


def rounded_graph(tf: Any, values: Any) -> Tensor:
    """``widened(narrowed(values))`` for a float32 tensor."""
    found = tf.cast(tf.cast(values, tf.bfloat16), tf.float32)
    return tf.where(tf.math.is_finite(found), found, tf.zeros_like(found))
