"""Writing the files of a new pipeline from its data.

Promise: nothing is written where the data cannot be read; what is written names each guess.
Not here: the guesses (``profile/``), writing files (``new.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.connections import without_secrets
from pipelines.core.errors import ConfigError
from pipelines.core.text import counted
from pipelines.drivers.scaffold.new import check_name, scaffold
from pipelines.drivers.scaffold.profile.declaration_text import (
    TableGuess,
    declaration_text,
    todos,
)
from pipelines.drivers.scaffold.profile.profile_table import profile_files

FILE = "file://"


@dataclass(frozen=True, slots=True)
class WrittenGuess:
    """What was written, and what comes next.

    Attributes:
        paths: Files written, the declaration first.
        source: What to give as ``--source``.
        days: First and last day of the data.
        guessed: The main guesses, a sentence each.
        todos: What has to be said before a run.
    """

    paths: list[Path]
    source: str
    days: tuple[str, str]
    guessed: list[str]
    todos: list[str]


def scaffold_from(
    name: str, root: Path, data: str, *, table: str | None = None, query: str | None = None
) -> WrittenGuess:
    """Write a declaration that the data suggests, its DAG file and its test.

    Args:
        name: Name of the pipeline.
        root: The project, or the repository.
        data: A file, a folder, or the URI of a database.
        table: Table of the database.
        query: Statement that selects its rows.

    Raises:
        ConfigError: As ``scaffold``; or the data cannot be read, or is no table.
    """
    check_name(name)
    if "://" in data and not data.startswith(FILE):
        from pipelines.drivers.scaffold.profile.profile_query import profile_query

        guess, source = profile_query(data, table, query), without_secrets(data)
    elif table or query:
        raise ConfigError(
            f"--table and --query are of a database, and --from {data} is a path. Give the URI of a "
            f"database, such as sqlite:///folder/file.db, or leave them out."
        )
    else:
        guess, found = profile_files(Path(data.removeprefix(FILE)))
        given = Path(data.removeprefix(FILE))
        source = str(given if found.root == given.absolute() else given.parent)
    calendar = guess.calendar
    return WrittenGuess(
        paths=scaffold(name, root, declaration_text(name, guess)),
        source=source,
        days=(calendar.first_day, calendar.last_day) if calendar else ("DAY", "DAY"),
        guessed=list(_guessed(guess)),
        todos=todos(guess),
    )


def _guessed(guess: TableGuess) -> Iterator[str]:
    roles, calendar = guess.roles, guess.calendar
    yield f"{guess.origin}; {len(guess.columns)} columns"
    if calendar is not None:
        yield (
            f"time {roles.event_time}: {calendar.first_day} to {calendar.last_day}, "
            f"{counted(calendar.partitions, calendar.grain)} of {calendar.rows_each:,.0f} rows"
        )
    if roles.row_id:
        yield f"row id {' and '.join(roles.row_id)}"
    if roles.entities:
        yield f"entities {', '.join(roles.entities)}"
    if guess.label is not None:
        others = ", ".join(roles.other_labels)
        yield (
            f"label {roles.label}: {guess.label.head or 'Binary()'}"
            f"{f'; could be predicted too: {others}' if others else ''}"
        )
