"""The numbers in texts of a time format: year, month, hour and so on, column by column.

Why: a regular expression costs microseconds a text; most sources write each field at the same position, where
    digits are added up a hundred times as fast.
Promise: both ways give the same numbers.
Not here: what the numbers mean together (``written_times.py``).
"""

import re
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.spec.time_formats import MONTHS, SHORT, directives, pattern

Ints = NDArray[np.int64]
Fields = Mapping[str, Ints]

MICRO_DIGITS, LONGEST_FRACTION = 6, 9
HOUR_S, MINUTE_S = 3600, 60
WIDTHS = {
    "Y": 4,
    "y": 2,
    "m": 2,
    "d": 2,
    "j": 3,
    "H": 2,
    "I": 2,
    "M": 2,
    "S": 2,
    "b": 3,
    "p": 2,
}
RANGES = {"m": (1, 12), "d": (1, 31), "j": (1, 366), "H": (0, 23), "I": (1, 12)}
RANGES |= {"M": (0, 59), "S": (0, 59)}
ZERO, LOWER = ord("0"), 0x20
CHOICES = {
    "b": np.array([list(name[:SHORT].encode()) for name in MONTHS], np.uint8),
    "p": np.array([list(b"am"), list(b"pm")], np.uint8),
}
FIRST_CHOICE = {"b": 1, "p": 0}
VARIABLE_SPACE = re.compile(r"\s\s|[^\S ]")


def fields_of(text: pa.Array, time_format: str) -> tuple[Fields, int]:
    """The numbers of each directive, shape ``(n_rows,)``, and the first text of another format.

    Fractions are in microseconds, offsets in seconds ahead of UTC, ``p`` is 1 in the afternoon.

    Args:
        text: Texts without nulls.
        time_format: The format.

    Returns:
        The numbers, and the index of the first text that is not of the format; -1 for none.
    """
    if not len(text):
        return {name: np.zeros(0, np.int64) for name in directives(time_format)}, -1
    found = _at_fixed_positions(text, time_format)
    return (found, -1) if found is not None else _by_expression(text, time_format)


def _by_expression(text: pa.Array, time_format: str) -> tuple[Fields, int]:
    matched = pc.extract_regex(text, pattern(time_format))
    if matched.null_count:
        return {}, int(pc.index(pc.is_null(matched), value=True).as_py())
    parts = {field.name: matched.field(n) for n, field in enumerate(matched.type)}
    return {name: _READ.get(name, _number)(part) for name, part in parts.items()}, -1


def _number(part: pa.Array) -> Ints:
    return _integers(pc.utf8_ltrim_whitespace(part))


def fraction_digits(fraction: pa.Array, digits: int = MICRO_DIGITS) -> Ints:
    """The first so many digits of fractions as integers; the others are cut off."""
    return _integers(pc.utf8_slice_codeunits(pc.utf8_rpad(fraction, digits, "0"), 0, digits))


def _month(name: pa.Array) -> Ints:
    short = pc.utf8_slice_codeunits(pc.utf8_lower(name), 0, SHORT)
    return _integers(pc.index_in(short, pa.array([month[:SHORT] for month in MONTHS]))) + 1


def _offset_s(offset: pa.Array) -> Ints:
    """Seconds ahead of UTC: ``+02``, ``+0200``, ``+02:00:00`` or ``Z``."""
    digits = pc.replace_substring(pc.utf8_upper(offset), ":", "")
    digits = pc.utf8_rpad(pc.replace_substring(digits, "Z", "+"), len("+hhmmss"), "0")
    hours, minutes, seconds = (
        _integers(pc.utf8_slice_codeunits(digits, n, n + 2)) for n in (1, 3, 5)
    )
    ahead: Ints = hours * HOUR_S + minutes * MINUTE_S + seconds
    return np.where(pc.starts_with(digits, "-").to_numpy(zero_copy_only=False), -ahead, ahead)


def _integers(values: pa.Array) -> Ints:
    found: Ints = values.cast(pa.int64()).to_numpy()
    return found


_READ: Mapping[str, Callable[[pa.Array], Ints]] = {
    "B": _month,
    "b": _month,
    "f": fraction_digits,
    "z": _offset_s,
    "p": lambda part: _integers(pc.equal(pc.utf8_lower(part), "pm").cast(pa.int64())),
    "A": lambda part: np.zeros(len(part), np.int64),
    "a": lambda part: np.zeros(len(part), np.int64),
}


def _at_fixed_positions(text: pa.Array, time_format: str) -> Fields | None:
    """The numbers where every text has every field in its full width; None for any other texts."""
    if not time_format.isascii() or VARIABLE_SPACE.search(time_format):
        return None
    offsets = np.frombuffer(text.buffers()[1], np.int32)[
        text.offset : text.offset + len(text) + 1
    ]
    length = int(offsets[1] - offsets[0])
    widths = _widths(time_format, length)
    if widths is None or (np.diff(offsets) != length).any():
        return None
    letters = np.frombuffer(text.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    letters = letters.reshape(len(text), length)
    found: dict[str, Ints] = {}
    at = 0
    for what, width in widths:
        part = letters[:, at : at + width]
        at += width
        if what in WIDTHS or what == "f":
            read = _read_at(what, part)
            if read is None:
                return None
            found[what] = read
        elif not (_lowered(part) == list(what[1:].lower().encode())).all():
            return None
    return found


def _widths(time_format: str, length: int) -> list[tuple[str, int]] | None:
    """Each directive, or ``=`` and the text between, with its width; None if widths are not fixed."""
    parts = _parts(time_format)
    rest = length - sum(width for _, width in parts)
    free = [what for what, width in parts if not width]
    # Only a fraction may have any width, which is what remains.
    if rest not in (range(1, LONGEST_FRACTION + 1) if free == ["f"] else [0]) or free not in (
        [],
        ["f"],
    ):
        return None
    return [(what, width or rest) for what, width in parts]


def _parts(time_format: str) -> list[tuple[str, int]]:
    """Each directive, with 0 for a width that is not fixed, and ``=`` and the text between."""
    parts = []
    for n, part in enumerate(re.split(r"%(.)", time_format)):
        is_directive = n % 2 == 1 and part != "%"
        if part:
            parts.append(
                (part, WIDTHS.get(part, 0)) if is_directive else (f"={part}", len(part))
            )
    return parts


def _read_at(what: str, part: NDArray[np.uint8]) -> Ints | None:
    """The numbers of one directive; None if one of them is not written in full."""
    if what in CHOICES:
        equal = (_lowered(part)[:, None, :] == CHOICES[what][None]).all(axis=2)
        return equal.argmax(axis=1) + FIRST_CHOICE[what] if equal.any(axis=1).all() else None
    digits = part - np.uint8(ZERO)
    if (digits > 9).any():  # noqa: PLR2004
        return None
    found = np.zeros(len(part), np.int64)
    for n in range(part.shape[1] if what != "f" else MICRO_DIGITS):
        found = found * 10 + (digits[:, n] if n < part.shape[1] else 0)
    low, high = RANGES.get(what, (0, found.max()))
    return found if low <= found.min() and found.max() <= high else None


def _lowered(letters: NDArray[np.uint8]) -> NDArray[np.uint8]:
    is_upper = (letters >= ord("A")) & (letters <= ord("Z"))
    return letters + is_upper.astype(np.uint8) * LOWER
