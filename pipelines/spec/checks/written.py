"""Find mistakes in how a table's values are written in its source: names, times, words, numbers.

Promise: imports nothing but the standard library.
Not here: a column's type and valid values (``pipelines/spec/checks/``), the source itself (``sources.py``).
"""

import re
from collections.abc import Iterator

from pipelines.spec.sources import Source
from pipelines.spec.tables import Column, Table
from pipelines.spec.time_formats import format_problems

WITH_WORDS = ("integer", "flag")
FLAGS = (0, 1, None)
MARK = re.compile(r"[^A-Za-z0-9+\-\"\r\n\t()]")
DECIMALS = (".", ",")


def written_problems(table: Table) -> Iterator[str]:
    """The mistakes, one sentence each."""
    for column in table.columns:
        where = f"table {table.name}: column {column.name}"
        for problem in (*_name(column), *_time(column), *_words(column)):
            yield f"{where}: {problem}"
    if isinstance(table.source, Source):
        for problem in _numbers(table.source):
            yield f"table {table.name}: source {problem}"


def _name(column: Column) -> Iterator[str]:
    if column.source_name == "":
        yield (
            f"source_name '' is no name. Use the name of a column as the source has it, or None for "
            f"{column.name!r}."
        )


def _time(column: Column) -> Iterator[str]:
    if column.time_format and column.type != "timestamp":
        yield (
            f"time_format {column.time_format!r} needs type 'timestamp', not {column.type!r}. "
            f"Correct the type, or omit it."
        )
    elif column.time_format:
        yield from format_problems(column.time_format)


def _words(column: Column) -> Iterator[str]:
    words = column.words
    if words is None:
        return
    if not words:
        yield 'words {} declare no word. Write them as in {"no": 0, "yes": 1}, or None.'
    if column.type not in WITH_WORDS:
        hint = " Texts are kept as they are; values lists the valid ones." * (
            column.type == "text"
        )
        yield f"words are for columns of type integer or flag, not {column.type!r}.{hint}"
        return
    for word, value in words.items():
        yield from _word(column, word, value)


def _word(column: Column, word: str, value: int | None) -> Iterator[str]:
    if word != word.strip():
        yield f"words: {word!r} has spaces around it, which are removed from values. Omit them."
    elif not word:
        yield "words: an empty field is null by itself. Omit '', and declare nullable=True."
    if column.type == "flag" and value not in FLAGS:
        yield f"words[{word!r}] is {value!r}, and a flag is 0 or 1. Use them, or type 'integer'."
    elif value is None and not column.nullable:
        yield f"words[{word!r}] is None, a null, and the column is not nullable. Add nullable=True."


def _numbers(source: Source) -> Iterator[str]:
    decimal, thousands = source.decimal, source.thousands
    if decimal not in DECIMALS:
        yield f"decimal {decimal!r} must be '.' or ','."
    if thousands and not MARK.fullmatch(thousands):
        yield (
            f"thousands {thousands!r} must be one character other than a letter, digit, sign, "
            f"bracket or quotation mark, such as '.' or ' '; empty for none."
        )
    if thousands and thousands == decimal:
        yield f"thousands and decimal are both {decimal!r}. Declare the one that is not the decimal mark."
    if source.format != "csv" and (decimal, thousands) != (".", ""):
        yield f"decimal and thousands are for CSV, not {source.format!r}. Omit them."
    if source.sheet and source.format != "excel":
        yield f"sheet {source.sheet!r} is for Excel, not {source.format!r}. Omit it."
