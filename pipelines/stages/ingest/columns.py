"""Match a file's columns to the declared ones.

Why: sources spell ``TX_AMOUNT``, declarations ``tx_amount``; a missing or duplicate column must be
    reported before a value is read.
Promise: names match in any letter case; undeclared columns are ignored, and listed.
"""

from collections.abc import Sequence

from pipelines.core.declared import nearest
from pipelines.core.errors import SchemaError, listed
from pipelines.spec import Table

LONGEST = 80


def match_columns(found: Sequence[str], table: Table, file: str) -> dict[str, str]:
    """Source name of each declared column, in declared order.

    Raises:
        SchemaError: Declared columns are missing, or a name matches more than one column.
    """
    matches = {
        column: [name for name in found if name.lower() == column]
        for column in table.column_names()
    }
    missing = [column for column, names in matches.items() if not names]
    if missing:
        raise SchemaError(
            f"Source file {file}: no column {listed(missing)}. Expected each column declared for "
            f"{table.name}, in any letter case; the file has {_shown(found)}. "
            f"{_hint(missing[0], found)}Add the missing columns, or correct the declaration."
        )
    for column, names in matches.items():
        if len(names) > 1:
            raise SchemaError(
                f"Source file {file}: column {column!r} occurs {len(names)} times "
                f"({', '.join(names)}). Expected one, in any letter case. Rename or drop the others."
            )
    return {column: names[0] for column, names in matches.items()}


def undeclared(found: Sequence[str], table: Table) -> tuple[str, ...]:
    """A file's columns that match no declared one; columns without a name are not counted."""
    declared = set(table.column_names())
    return tuple(name for name in found if name and name.lower() not in declared)


def _shown(found: Sequence[str]) -> str:
    """Names as text of a bounded length: if the file is not a table they may be anything."""
    return listed(
        (name if len(name) <= LONGEST else f"{name[:LONGEST]}..." for name in found), 20
    )


def _hint(missing: str, found: Sequence[str]) -> str:
    hint = nearest(missing, [name.lower() for name in found])
    return f"{hint} " if hint.startswith("Did") else ""
