"""Profile a table and guess its declaration.

Not here: writing the files of the pipeline (``pipelines/drivers/scaffold/new.py``).
"""

import re
from pathlib import Path

from pipelines.drivers.scaffold.profile.calendar import guess_calendar
from pipelines.drivers.scaffold.profile.code_text import call, literal
from pipelines.drivers.scaffold.profile.columns import column_names, guess_columns
from pipelines.drivers.scaffold.profile.declaration_text import TableGuess
from pipelines.drivers.scaffold.profile.files import FoundFiles, find_files
from pipelines.drivers.scaffold.profile.labels import guess_label
from pipelines.drivers.scaffold.profile.roles import guess_roles
from pipelines.drivers.scaffold.profile.sample import Sample, read_sample
from pipelines.spec.checks.tables import NAME


def profile_files(path: Path) -> tuple[TableGuess, FoundFiles]:
    """What a file or a folder suggests.

    Raises:
        ConfigError: It cannot be read, or is no table.
    """
    found = find_files(path)
    sample = read_sample(found)
    source = call("Source", _source_arguments(found, sample), 4, before="source=")
    text = source.strip().removeprefix("source=").removesuffix(",")
    return guess_table(table_name(path), path.name, text, sample, found.grain), found


def guess_table(
    name: str, origin: str, source: str, sample: Sample, grain: str = ""
) -> TableGuess:
    """What a sample suggests.

    Args:
        name: Name of the table.
        origin: What the sample is of.
        source: The declared source, as text.
        sample: The sample.
        grain: What the names of its files say a partition is.
    """
    columns = guess_columns(sample.rows, sample.how)
    roles = guess_roles(columns)
    by_name = {column.name: column for column in columns}
    label = guess_label(by_name[roles.label]) if roles.label else None
    if label is not None:
        by_name[roles.label] = label.column
    times = by_name[roles.event_time].times if roles.event_time else None
    return TableGuess(
        name=name,
        origin=f"{origin}, {_rows(sample)}",
        source=source,
        columns=tuple(by_name.values()),
        roles=roles,
        label=label,
        calendar=guess_calendar(times, sample.total, grain) if times is not None else None,
        total=sample.total,
    )


def _source_arguments(found: FoundFiles, sample: Sample) -> list[str]:
    given: dict[str, object] = {"path": found.template, "format": found.format}
    given |= {name: value for name, value in sample.settings.items() if name != "format"}
    marks = sample.how.marks
    given |= {"decimal": marks.decimal} if marks.decimal != "." else {}
    given |= {"thousands": marks.thousands} if marks.thousands else {}
    return [f"{name}={literal(value)}" for name, value in given.items()]


def _rows(sample: Sample) -> str:
    rows = f"{sample.rows.num_rows:,} rows"
    return rows if sample.whole else f"{rows} of about {sample.total:,}"


def table_name(path: Path) -> str:
    """A name from that of the file or the folder, without dates."""
    stem = path.absolute().name.split(".")[0]
    (name,) = column_names([re.sub(r"\d{4}.*", "", stem) or "events"])
    return name if NAME.fullmatch(name) and name != "column" else "events"
