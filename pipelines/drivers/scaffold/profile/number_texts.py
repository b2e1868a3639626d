"""How numbers are written in text files: the decimal mark, and the mark between thousands.

Why: ``1.234`` is a small number in one country and a large one in the next; only the other values of
    a file say which.
Promise: marks are of the whole file, as ``Source`` declares them; plain numbers stay plain.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
SIGN = r"[$€£%]"
SIGNED_AMOUNT = r"^[$€£]?\s?[+-]?\d[\d.,' ]*\s?[$€£%]?$"
TIME_OF_DAY = r"^\d{1,2}:\d\d(:\d\d)?$"
PLAIN = rf"^{NUMBER.pattern}$"
COMMA = r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"
DIGITS = r"^[+-]?\d+$"
# GuessedMarks between thousands by decimal mark, the usual one first.
THOUSANDS = {".": (",", " ", "'", "\u00a0", "\u202f"), ",": (".", " ", "'", "\u00a0", "\u202f")}


@dataclass(frozen=True, slots=True)
class GuessedMarks:
    """The decimal mark and the mark between thousands, empty for none."""

    decimal: str = "."
    thousands: str = ""

    def plain(self, texts: pa.ChunkedArray) -> pa.ChunkedArray:
        """Texts as Python writes numbers; other texts are unchanged."""
        texts = pc.utf8_trim_whitespace(texts)
        if self.thousands:
            grouped = pc.match_substring_regex(texts, _grouped(self.thousands, self.decimal))
            texts = pc.if_else(grouped, pc.replace_substring(texts, self.thousands, ""), texts)
        if self.decimal == ".":
            return texts
        # A point is no decimal mark here: ``1.5`` is not a number.
        points = pc.replace_substring(texts, ".", "?")
        return pc.replace_substring(points, ",", ".")


def every(texts: pa.ChunkedArray | pa.Array, pattern: str) -> bool:
    """Whether every known text matches."""
    return bool(pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py())


def any_with(texts: pa.ChunkedArray | pa.Array, mark: str) -> bool:
    """Whether a text contains a mark."""
    return bool(pc.any(pc.match_substring(texts, mark), min_count=0).as_py())


def marks_of(columns: Iterable[pa.ChunkedArray]) -> GuessedMarks:
    """The marks of a file, by all of its columns of texts."""
    numbers = [texts for each in columns if len(texts := _distinct(each)) and _looks(texts)]
    commas = sum(_says_comma(texts) for texts in numbers)
    points = sum(_says_point(texts) for texts in numbers)
    decimal = "," if commas > points else "."
    for mark in THOUSANDS[decimal]:
        if any(_says_thousands(texts, mark, decimal) for texts in numbers):
            return GuessedMarks(decimal, mark)
    return GuessedMarks(decimal)


def _distinct(values: pa.ChunkedArray) -> pa.Array:
    return pc.utf8_trim_whitespace(pc.unique(values).drop_null()).slice(0, 20_000)


def _looks(texts: pa.Array) -> bool:
    return every(texts, r"^[+-]?[\d.,' \x{00a0}\x{202f}eE+-]+$")


def _grouped(mark: str, decimal: str) -> str:
    return rf"^[+-]?\d{{1,3}}({re.escape(mark)}\d{{3}})+({re.escape(decimal)}\d*)?$"


def _ungrouped(mark: str, decimal: str) -> str:
    """Numbers with or without the mark."""
    plain = PLAIN if decimal == "." else COMMA
    return f"({_grouped(mark, decimal)})|({plain})"


def _says_comma(texts: pa.Array) -> bool:
    """Whether a comma can only be the decimal mark here."""
    if not any_with(texts, ","):
        return False
    plain = every(texts, COMMA) and not every(texts, _ungrouped(",", "."))
    return plain or _is_grouped(texts, ",")


def _says_point(texts: pa.Array) -> bool:
    if not any_with(texts, "."):
        return False
    plain = every(texts, PLAIN) and not every(texts, rf"({_grouped('.', ',')})|({DIGITS})")
    return plain or _is_grouped(texts, ".")


def _is_grouped(texts: pa.Array, decimal: str) -> bool:
    """Whether all are numbers by a decimal mark and one between thousands that occurs."""
    marks = (mark for mark in THOUSANDS[decimal] if any_with(texts, mark))
    return any(every(texts, _ungrouped(mark, decimal)) for mark in marks)


def _says_thousands(texts: pa.Array, mark: str, decimal: str) -> bool:
    marked = any_with(texts, mark) and every(texts, _ungrouped(mark, decimal))
    return marked and not every(texts, PLAIN if decimal == "." else COMMA)
