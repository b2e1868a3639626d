"""Whole numbers of any size on arrays, for sums of products over windows.

Why: a slope or a deviation is a small difference of large sums of squares; whole numbers lose no digit
    of it, whatever the order of rows, and 64 bits do not hold them.
Promise: a number is the sum of its limbs times powers of 2**18, least first; every step but
    ``as_floats`` is exact. ``xp`` is numpy or cupy.
Not here: what is summed (``spread.py``).
"""

from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.operators.array_types import Array

LIMB_BITS = 18
LIMB, MASK = 2.0**LIMB_BITS, (1 << LIMB_BITS) - 1
# Of floats four limbs are behind the point.
FRACTION_LIMBS = 4
FLOAT_UNIT = LIMB**-FRACTION_LIMBS
# With up to eight products of two limbs a row, so many rows stay below 2**62.
MOST_ROWS = 1 << 23

Limbs = list[Any]


def limbs_of_wholes(values: Any) -> Limbs:
    """Int64 numbers above -2**63; as many limbs as the largest needs."""
    ends = (int(values.max()), -int(values.min())) if len(values) else (0,)
    limbs = []
    for _ in range((max(*ends, 1).bit_length() - 1) // LIMB_BITS):
        limbs.append(values & MASK)
        values = values >> LIMB_BITS
    return [*limbs, values]


def limbs_of_floats(xp: Any, values: Any) -> Limbs:
    """Finite numbers in units of ``FLOAT_UNIT``; digits below it are dropped."""
    largest = float(xp.abs(values).max()) if len(values) else 0.0
    wholes = max(int(largest).bit_length() - 1, 0) // LIMB_BITS
    limbs, rest = list[Any](), values / LIMB**wholes
    for _ in range(wholes + 1 + FRACTION_LIMBS):
        whole = xp.trunc(rest)
        limbs.append(whole.astype(xp.int64))
        rest = (rest - whole) * LIMB
    return limbs[::-1]


def times(left: Limbs, right: Limbs) -> Limbs:
    """The product."""
    found = list[Any]()
    for nth in range(len(left) + len(right) - 1):
        first, last = max(0, nth - len(right) + 1), min(nth, len(left) - 1)
        found.append(sum(left[n] * right[nth - n] for n in range(first, last + 1)))
    return found


def minus(left: Limbs, right: Limbs) -> Limbs:
    """The difference of two numbers of equally many limbs, which may be negative."""
    return _normal([one - other for one, other in zip(left, right, strict=True)])


def running(xp: Any, limbs: Limbs) -> Limbs:
    """Running sums of rows, ``(n_rows + 1,)``; they may wrap, differences are right all the same."""
    nothing = xp.zeros(1, dtype=xp.int64)
    return [xp.concatenate([nothing, xp.cumsum(limb)]) for limb in limbs]


def over(sums: Limbs, start: Any, end: Any) -> Limbs:
    """Sums over windows, from running ones.

    Raises:
        ConfigError: A window has more rows than the sums of products hold.
    """
    most = int((end - start).max()) if len(end) else 0
    if most > MOST_ROWS:
        raise ConfigError(
            f"A slope or std is over {most:,} rows of one entity, and at most {MOST_ROWS:,} can be summed. "
            "Declare shorter windows, or only some of the rows with where."
        )
    return _normal([limb[end] - limb[start] for limb in sums])


def as_floats(limbs: Limbs) -> Array:
    """The nearest floats but for some units in the last digit: a relative error below 2**-48."""
    found = limbs[-1] * 1.0
    for limb in limbs[-2::-1]:
        found = found * LIMB + limb
    return found


def _normal(limbs: Limbs) -> Limbs:
    """The same number with limbs of 0 to below 2**18, but the last, which has the sign."""
    found, carry = list[Any](), 0
    for limb in limbs:
        whole = limb + carry
        found.append(whole & MASK)
        carry = whole >> LIMB_BITS
    return [*found, carry & MASK, carry >> LIMB_BITS]
