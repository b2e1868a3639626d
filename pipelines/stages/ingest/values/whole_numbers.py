"""Integers from other types: floats, and texts with a decimal point or an exponent.

Why: a float64 represents all integers up to 2**53 and a float32 up to 2**24; a larger one loses its
    last digits, and 300 ids become 2 without an error.
Promise: a float is converted to an integer only where no other integer has the same float; a text of
    digits alone keeps all of them.
"""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.stages.ingest.values.cast_errors import CastError, first_true

# Bits up to which each integer has its own float.
EXACT_BELOW_BITS = {16: 11, 32: 24, 64: 53}
NOT_DIGITS = r"[^0-9-]"
WITH_PLUS = r"^\+(\d+)$"
# A float64 represents this many digits before the exponent exactly.
FLOATING = r"^[+-]?(\d+\.0*|(\d(\.\d{0,15})?|\d{1,15})[eE]\+?\d{1,3})$"
HEXADECIMAL = r"^[+-]?0[xX]"


def from_floats(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Check floats that are to become integers; NaN becomes null.

    Raises:
        CastError: One is so large that digits may have been lost.
    """
    bits = values.type.bit_width
    if of.is_float16(values.type):
        values = values.cast(pa.float32())  # Arrow cannot compare float16
    large = pc.greater_equal(pc.abs(values), float(2 ** EXACT_BELOW_BITS[bits]))
    _refuse(pc.and_(large, pc.is_finite(values)), bits, f"float{bits}")
    # int64 has no NaN: pandas and R write NaN for a missing integer.
    return pc.if_else(pc.is_nan(values), None, values)


def from_texts(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert texts of integers to texts of digits alone; other texts are unchanged.

    pandas writes an integer column with a null as ``12.0``, R writes 100000 as ``1e+05``.

    Raises:
        CastError: One is hexadecimal, has a fraction, or may have lost digits in a float.
    """
    odd = pc.fill_null(pc.match_substring_regex(text, NOT_DIGITS), fill_value=False)
    if not pc.any(odd).as_py():
        return text
    _refuse_hexadecimal(text)
    text = pc.replace_substring_regex(text, WITH_PLUS, r"\1")
    numbers = pc.if_else(pc.match_substring_regex(text, FLOATING), text, None).cast(
        pa.float64()
    )
    bits = EXACT_BELOW_BITS[64]
    _refuse(
        pc.greater_equal(pc.abs(numbers), float(2**bits)),
        64,
        "number with a point or an exponent",
    )
    whole = pc.equal(pc.floor(numbers), numbers)
    digits = pc.if_else(whole, numbers, None).cast(pa.int64()).cast(pa.string())
    return pc.coalesce(digits, text)


def _refuse_hexadecimal(text: pa.ChunkedArray) -> None:
    row = first_true(pc.match_substring_regex(text, HEXADECIMAL))
    if row >= 0:
        raise CastError(
            row,
            "which is hexadecimal",
            "decimal digits. Have the source write them, or declare the column as text.",
        )


def _refuse(large: pa.ChunkedArray, bits: int, what: str) -> None:
    row = first_true(large)
    if row >= 0:
        exact = EXACT_BELOW_BITS[bits]
        raise CastError(
            row,
            f"a {what} that may have lost digits: from 2^{exact} ({2**exact:,}) on, float{bits} "
            f"does not represent every integer",
            "integers as integers. Have the source write the column without floats (in pandas: "
            "dtype Int64), or, if it is neither an id nor a count, declare it as number.",
        )
