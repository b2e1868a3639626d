"""Match a file's columns to the declared ones.

Why: sources spell ``AMOUNT`` or ``Betrag (EUR)``, declarations ``amount``; a missing or duplicate
    column must be reported before a value is read.
Promise: a declared ``source_name`` matches as it is written, other names in any letter case; undeclared
    columns are ignored, and listed.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from unicodedata import normalize

from pipelines.core.errors import SchemaError, listed
from pipelines.core.text import counted
from pipelines.spec import Column, Table

LONGEST = 80
A_VALUE = re.compile(r"[-+0-9.,:/T ]*[0-9][-+0-9.,:/TZ ]*")


def match_columns(found: Sequence[str], table: Table, file: str) -> dict[str, str]:
    """Source name of each declared column, in declared order.

    Raises:
        SchemaError: Declared columns are missing, or a name matches more than one column.
    """
    columns = matching(found, table, file)
    missing = [column for column in table.columns if column.name not in columns]
    if missing:
        raise SchemaError(
            f"Source file {file}: no column {listed(map(_wanted, missing))}. Expected each column "
            f"declared for {table.name}, its source_name as it is written, others in any letter "
            f"case; the file has {_shown(found, table)}. {_hint(missing[0], found)}Add the missing "
            f"columns, or correct the declaration."
        )
    return columns


def matching(found: Sequence[str], table: Table, file: str) -> dict[str, str]:
    """Source name of each declared column that a file has.

    Raises:
        SchemaError: A name matches more than one column.
    """
    matches = {column.name: _matches(column, found) for column in table.columns}
    for column, names in matches.items():
        if len(names) > 1:
            raise SchemaError(
                f"Source file {file}: column {column!r} occurs {len(names)} times "
                f"({', '.join(names)}). {_remedy(names)}"
            )
    return {column: names[0] for column, names in matches.items() if names}


def undeclared(found: Sequence[str], columns: Mapping[str, str]) -> tuple[str, ...]:
    """A file's columns that match no declared one; columns without a name are not counted."""
    used = set(columns.values())
    return tuple(name for name in found if name and name not in used)


def _matches(column: Column, found: Sequence[str]) -> list[str]:
    if column.source_name is None:
        return [name for name in found if name.lower() == column.name]
    # The same letter can be written as one character or as two.
    wanted = normalize("NFC", column.source_name)
    exact = [name for name in found if name == column.source_name]
    return exact or [name for name in found if normalize("NFC", name) == wanted]


def _wanted(column: Column) -> str:
    return column.name if column.source_name is None else repr(column.source_name)


def _remedy(names: Collection[str]) -> str:
    if len(set(names)) > 1:
        return "Declare which by source_name, or rename or drop the others."
    return "Expected one. Have the source give each column a name of its own."


def may_be_data(found: Sequence[str], table: Table) -> bool:
    """Whether names may be the values of a row, some of them sensitive.

    One of them is a number or a time, or none is like a declared one.
    """
    if not any(column.sensitive for column in table.columns):
        return False
    if any(map(A_VALUE.fullmatch, found)):
        return True
    near = (_matches(c, found) or _hint(c, found) for c in table.columns)
    return not any(near)


def _shown(found: Sequence[str], table: Table) -> str:
    """Names as text of a bounded length: if the file is not a table they may be anything."""
    if may_be_data(found, table):
        return (
            f"{counted(len(found), 'name')} (not shown, as some may be values of a row: look whether its "
            f"first line has the names of the columns)"
        )
    return listed(
        (name if len(name) <= LONGEST else f"{name[:LONGEST]}..." for name in found), 20
    )


def _hint(missing: Column, found: Sequence[str]) -> str:
    """The header that is nearest to a missing one, in whatever letters."""
    spelled = {name.lower(): name for name in found}
    near = get_close_matches((missing.source_name or missing.name).lower(), spelled, n=1)
    return f"Did you mean {spelled[near[0]]!r}? " if near else ""
