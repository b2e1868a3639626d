"""Numbers of CSV with a decimal comma, or with marks between thousands.

Why: ``1.234`` is a thousand in one country and one and a bit in another.
Promise: a number is read by the declared marks alone; one that does not fit them is an error, never
    another number.
Not here: integers and floats from plain texts (``cast.py``, ``whole_numbers.py``).
"""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.spec import Source
from pipelines.stages.ingest.values.cast_errors import CastError, first_true

SPACES = " \u00a0\u2009\u202f"
"""A space between thousands may be one of several characters, which look the same."""
APOSTROPHES = "'\u2019"
NON_FINITE = "[+-]?(?:nan|inf|infinity)"
EXPONENT = "(?:[eE][+-]?[0-9]+)?"
# A text that other marks make a number.
MARKED = rf"^[+-]?[0-9][0-9.,{SPACES}{APOSTROPHES}]*$"


@dataclass(frozen=True, slots=True)
class Marks:
    """How numbers are written.

    Attributes:
        decimal: The decimal mark.
        thousands: The mark between thousands; empty for none.
    """

    decimal: str = "."
    thousands: str = ""

    @classmethod
    def of_source(cls, source: object) -> "Marks":
        """The marks of a declared source."""
        return cls(source.decimal, source.thousands) if isinstance(source, Source) else cls()

    def plain(self, text: pa.ChunkedArray) -> pa.ChunkedArray:
        """Convert texts of numbers to those with a decimal point and no other mark.

        Raises:
            CastError: One is not written with these marks.
        """
        if self == PLAIN:
            return text
        wrong = pc.invert(pc.match_substring_regex(text, self._pattern()))
        if (row := first_true(wrong)) >= 0:
            raise CastError(
                row,
                f"which is not a number with {self.described()}",
                self._remedy(text[row].as_py()),
            )
        if self.thousands:
            text = pc.replace_substring_regex(text, self._between(), "")
        return text if self.decimal == "." else pc.replace_substring(text, self.decimal, ".")

    def described(self) -> str:
        """The marks in words."""
        between = repr(self.thousands) if self.thousands else "none"
        return f"the decimal mark {self.decimal!r} and {between} between thousands"

    def _between(self) -> str:
        """The mark between thousands, as a regular expression."""
        for alike in (SPACES, APOSTROPHES):
            if self.thousands in alike:
                return f"[{alike}]"
        return re.escape(self.thousands)

    def _pattern(self) -> str:
        point = re.escape(self.decimal)
        whole = "[0-9]+"
        if self.thousands:
            whole = f"(?:[0-9]{{1,3}}(?:{self._between()}[0-9]{{3}})+|{whole})"
        digits = f"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)"
        return f"(?i)^(?:[+-]?{digits}{EXPONENT}|{NON_FINITE})$"

    def _remedy(self, text: str) -> str:
        return (
            f"digits in groups of three between those marks. {null_hint(text)}Correct source.decimal "
            "and source.thousands, or the source."
        )


PLAIN = Marks()


def hint(text: str) -> str:
    """What to declare for a word, or a number by other marks; empty for a text that is neither."""
    if not re.match(MARKED, text.strip()):
        return null_hint(text)
    return "If it is a number, declare its marks as source.decimal and source.thousands. "


def null_hint(text: str) -> str:
    """What to declare for a text without a digit; empty for others."""
    if not text.strip() or re.search(r"\d", text):
        return ""
    return "If it stands for a null, name it in source.nulls (of CSV). "
