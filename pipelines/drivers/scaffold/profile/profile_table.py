"""Profile a table and guess its declaration.

Not here: writing the files of the pipeline (``pipelines/drivers/scaffold/new.py``).
"""

import re
from dataclasses import replace
from pathlib import Path

from pipelines.drivers.scaffold.profile.calendar import guess_calendar
from pipelines.drivers.scaffold.profile.code_text import call, literal
from pipelines.drivers.scaffold.profile.columns import column_names, guess_columns
from pipelines.drivers.scaffold.profile.declaration_text import TableGuess
from pipelines.drivers.scaffold.profile.files import FoundFiles, find_files
from pipelines.drivers.scaffold.profile.labels import guess_label
from pipelines.drivers.scaffold.profile.number_texts import GuessedMarks, marks_of
from pipelines.drivers.scaffold.profile.roles import guess_roles
from pipelines.drivers.scaffold.profile.sample import Sample, read_sample
from pipelines.spec.table_checks import NAME


def profile_files(path: Path) -> tuple[TableGuess, FoundFiles]:
    """What a file or a folder suggests.

    Raises:
        ConfigError: It cannot be read, or is no table.
    """
    found = find_files(path)
    sample = read_sample(found)
    marks = marks_of(sample.rows.columns) if sample.is_text else GuessedMarks()
    source = call("Source", _source_arguments(found, sample, marks), 4, before="source=")
    text = source.strip().removeprefix("source=").removesuffix(",")
    guess = guess_table(_table_name(path), text, "Source", sample, marks, found.grain)
    return replace(guess, origin=_origin(path, sample)), found


def guess_table(
    name: str, source: str, source_class: str, sample: Sample, marks: GuessedMarks, grain: str
) -> TableGuess:
    """What a sample suggests, with its source as text."""
    columns = guess_columns(sample.rows, marks, is_text=sample.is_text)
    roles = guess_roles(columns)
    by_name = {column.name: column for column in columns}
    label = guess_label(by_name[roles.label]) if roles.label else None
    if label is not None:
        by_name[roles.label] = label.column
    times = by_name[roles.event_time].times if roles.event_time else None
    return TableGuess(
        name=name,
        origin=name,
        source=source,
        source_class=source_class,
        columns=tuple(by_name.values()),
        roles=roles,
        label=label,
        calendar=guess_calendar(times, sample.total, grain) if times is not None else None,
        total=sample.total,
    )


def _source_arguments(found: FoundFiles, sample: Sample, marks: GuessedMarks) -> list[str]:
    given: dict[str, object] = {"path": found.template, "format": found.format}
    given |= {name: value for name, value in sample.settings.items() if name != "format"}
    given |= {"decimal": marks.decimal} if marks.decimal != "." else {}
    given |= {"thousands": marks.thousands} if marks.thousands else {}
    return [f"{name}={literal(value)}" for name, value in given.items()]


def _origin(path: Path, sample: Sample) -> str:
    rows = f"{sample.rows.num_rows:,} rows"
    about = "all" if sample.whole else f"{rows} of about {sample.total:,}"
    return f"{path.name or path}, {rows if sample.whole else about}"


def _table_name(path: Path) -> str:
    """A name from that of the file or the folder, without dates."""
    stem = path.absolute().name.split(".")[0]
    (name,) = column_names([re.sub(r"\d{4}.*", "", stem) or "events"])
    return name if NAME.fullmatch(name) and name != "column" else "events"
