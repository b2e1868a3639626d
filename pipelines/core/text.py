r"""Text for people: values of the data truncated, and control characters escaped.

Why: a value may be ten megabytes long, hold a terminal's escape sequences, or turn the direction in
    which the rest of a line is read.
Promise: the result is printable, of bounded length, and keeps values distinct: a control character
    is shown as its escape (``\x1b``, ``\u202e``), omitted text as ``…``, and both ends are kept.
Not here: escaping the markup of a page or a terminal table, which their writers do.
"""

import re
from collections.abc import Mapping
from typing import Any

VALUE_CHARS, MESSAGE_CHARS, LISTED = 200, 8_000, 200
KEPT_AT_END = 0.25

# Controls and their C1 kin, surrogates, invisible and bidirectional ones, line and paragraph ends, tags.
# Joiners (U+200C, U+200D) are kept: several languages need them.
_CONTROL = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_ANY = re.compile(f"[{_CONTROL}]")
_BUT_LINES = re.compile(f"(?![\n\t])[{_CONTROL}]")


def readable(text: object, limit: int = VALUE_CHARS, *, lines: bool = False) -> str:
    r"""A text that is safe to show.

    Args:
        text: Any value; one that is not a string is converted with ``str``.
        limit: The maximum number of characters.
        lines: Whether line breaks and tabs are left as they are, as in a traceback.
    """
    whole = clipped(text if isinstance(text, str) else str(text), limit)
    if whole.isprintable():
        return whole
    # An escape takes up to ten characters for one.
    return clipped((_BUT_LINES if lines else _ANY).sub(_escape, whole), limit)


def clipped(text: str, limit: int = VALUE_CHARS) -> str:
    """The text with its middle omitted where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    end = int(limit * KEPT_AT_END)
    return f"{text[: limit - end - 1]}…{text[-end:]}"


def message(text: object) -> str:
    """A message for logs, errors and events: one or more sentences."""
    return readable(text, MESSAGE_CHARS, lines=True)


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 row``, ``2,000 rows``, ``3 indices`` with a plural of its own."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def lined(text: str) -> str:
    """Any number of lines, each without control characters."""
    return "\n".join(readable(line, MESSAGE_CHARS) for line in text.split("\n"))


def plain(value: Any, limit: int = VALUE_CHARS) -> Any:
    """A value of JSON with every text in it readable, keys too, and no list beyond ``LISTED``."""
    if isinstance(value, str):
        return readable(value, limit)
    if isinstance(value, Mapping):
        return {plain(name, limit): plain(each, limit) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, limit) for each in _first(value)]
    return value


def _first(values: "list[Any] | tuple[Any, ...]") -> list[Any]:
    """The first of them; for strings, how many more there are."""
    kept, more = list(values[:LISTED]), len(values) - LISTED
    return [*kept, f"… {more:,} more"] if more > 0 and isinstance(values[0], str) else kept


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def for_page(value: Any) -> Any:
    """A template's ``finalize``: strings readable, our own markup unchanged."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else message(value)


def every_text(value: Any) -> Any:
    """An event or a result with ``message`` applied to every string in it."""
    if isinstance(value, str):
        return message(value)
    if isinstance(value, Mapping):
        return {name: every_text(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [every_text(each) for each in value]
    return value
