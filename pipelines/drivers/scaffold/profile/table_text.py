"""The text of a declared table, every guess marked with what it was guessed from.

Not here: the rest of the declaration (``declaration_text.py``).
"""

import re
from collections.abc import Iterator

from pipelines.drivers.scaffold.profile.code_text import call, literal
from pipelines.drivers.scaffold.profile.columns import ColumnGuess

UNIT = re.compile(r"[(\[]([^)\]]{1,12})[)\]]\s*$")
# From so many rows each on, a category is one of those seen.
FEWEST_ROWS_OF_VALUE, MOST_VALUES = 20, 12
SHOWN = 60
ORDER = ("unit", "nullable", "low", "values", "decimals", "source_name", "time_format", "words")


def column_lines(column: ColumnGuess) -> Iterator[str]:
    """A comment with what was seen, and the declared column."""
    yield f"        # guess: {seen(column)}"
    if column.other_formats:
        yield f"        # every value is a time as {' or as '.join(column.other_formats[:3])} too"
    if column.type:
        yield call("Column", _arguments(column), 8)
    else:
        yield f"        # {_line(column.header)} is left out"


def _arguments(column: ColumnGuess) -> list[str]:
    renamed = column.header.lower() != column.name
    meaning = [literal(readable_header(column.header))] if renamed else []
    given = _contents(column) | {
        "source_name": renamed and column.header,
        "time_format": column.time_format,
        "words": dict(column.words or {}),
    }
    said = {
        name: value for name, value in given.items() if value not in (None, False, "", (), {})
    }
    if _is_from_zero(column):
        said = {"low": 0} | said
    named = [f"{name}={literal(said[name])}" for name in ORDER if name in said]
    return [literal(column.name), literal(column.type), *meaning, *named]


def _contents(column: ColumnGuess) -> dict[str, object]:
    """What is valid in a column; empty where anything is."""
    unit = UNIT.search(column.header)
    return {
        "unit": unit and unit.group(1),
        "nullable": column.nulls > 0,
        "values": _values(column),
        "decimals": column.decimals if column.type == "number" else None,
    }


def _is_from_zero(column: ColumnGuess) -> bool:
    is_amount = column.type in {"integer", "number"} and not column.words
    return is_amount and column.low is not None and column.low >= 0


def readable_header(header: str) -> str:
    """A header as a sentence: its words, ended."""
    text = " ".join(header.replace("_", " ").split())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _values(column: ColumnGuess) -> tuple[object, ...]:
    """The only valid values, where each was seen often."""
    if column.type != "text":
        return ()
    often = [n >= FEWEST_ROWS_OF_VALUE for n in column.listed.values()]
    return tuple(column.listed) if often and all(often) and len(often) <= MOST_VALUES else ()


def seen(column: ColumnGuess) -> str:
    """What the sample has in a column, in a few words."""
    parts = [_content(column)]
    if column.rows and column.nulls < column.rows:
        share = column.nulls / column.rows
        parts.append(f"{share:.1%} nulls" if column.nulls else "no nulls")
    if column.note:
        parts.append(column.note)
    return "; ".join(part for part in parts if part)


def _content(column: ColumnGuess) -> str:
    if column.times is not None and len(column.times.drop_null()):
        import pyarrow.compute as pc

        ends = pc.min_max(column.times)
        return f"{ends['min'].as_py()} to {ends['max'].as_py()}"
    if column.low is not None:
        return f"{_number(column.low)} to {_number(column.high)}"
    if column.listed:
        return _cut(", ".join(f"{_line(value)} {n:,}" for value, n in column.listed.items()))
    if column.distinct:
        example = next(iter(column.values.drop_null()), None)
        return f"{column.distinct:,} values, such as {_cut(_line(example.as_py() if example else ''))}"
    return ""


def _number(value: float | None) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _line(value: object) -> str:
    """A value on one line of a comment."""
    return "".join(c if c.isprintable() else "?" for c in str(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
