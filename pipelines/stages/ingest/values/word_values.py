"""Integers and flags that a source writes as words, such as yes and no.

Why: a word that nobody declared must not become a null, or the other class.
Promise: words match exactly, without the spaces around them; any other refuses its file, by its row.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.core.declared import nearest
from pipelines.core.errors import listed
from pipelines.stages.ingest.values.cast_errors import LONGEST, CastError, first_true
from pipelines.stages.ingest.values.whole_numbers import from_floats

SHOWN = 10


def by_words(text: pa.ChunkedArray, words: Mapping[str, int | None]) -> pa.ChunkedArray:
    """The declared integer of each word.

    Raises:
        CastError: A word is not declared.
    """
    trimmed = pc.utf8_trim_whitespace(text)
    known = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    found = pc.index_in(known, pa.array(list(words), pa.string()), skip_nulls=True)
    row = first_true(pc.and_(pc.is_valid(known), pc.is_null(found)))
    if row >= 0:
        raise _undeclared(known[row].as_py(), row, words)
    return pc.take(pa.array(list(words.values()), pa.int64()), found)


def as_words(
    values: pa.ChunkedArray, words: Mapping[str, int | None]
) -> pa.ChunkedArray | None:
    """Typed values as the words that stand for them; None for a type that has none."""
    if of.is_boolean(values.type):
        yes, no = (_spelling(word, words) for word in ("true", "false"))
        return pc.if_else(values, yes, no)
    if of.is_floating(values.type):
        return from_floats(values).cast(pa.int64()).cast(pa.string())
    if of.is_integer(values.type):
        return values.cast(pa.string())
    is_text = (of.is_string, of.is_large_string, of.is_string_view)
    if any(check(values.type) for check in is_text):
        return values.cast(pa.string())
    return None


def _spelling(word: str, words: Mapping[str, int | None]) -> str:
    """The declared spelling of a boolean: true, True or TRUE."""
    return next((each for each in words if each.lower() == word), word)


def _undeclared(found: str, row: int, words: Mapping[str, int | None]) -> CastError:
    near = nearest(found, words)
    hint = f"{near} " if near.startswith("Did") else ""
    shown = listed((repr(word[:LONGEST]) for word in words), SHOWN)
    return CastError(
        row,
        "which is none of the column's declared words",
        f"one of {shown}, spelled exactly so. {hint}Correct the source, or declare the word too "
        f"(None for a null).",
    )
