"""Stage ``ingest``: a day of source files becomes one typed table.

Promise: rows keep the source's order and are numbered by it; the same bytes in the source give
    the same bytes in the store; a file that changes while it is read is not published.
Not here: finding files (``locate.py``), reading one (``parquet.py``, ``delimited.py``), casting a
    column (``cast.py``).
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import ConfigError, SourceNotReadyError
from pipelines.ingestion.locate import SourceFile, source_files
from pipelines.spec import Table
from pipelines.stages import Outcome, Plan, Work, code_digests
from pipelines.tables import ROW

if TYPE_CHECKING:
    import pyarrow as pa


def plan(work: Work) -> Plan:
    """Name the day's files by their content, and the declaration's part that types them."""
    table = _only_table(work)
    return Plan(
        inputs={file.name: file.digest() for file in source_files(work, table)},
        config={
            "table": table.name,
            "source": asdict(table.source),
            "columns": [[c.name, c.type, c.decimals] for c in table.columns],
        },
        code=code_digests("pipelines.ingestion", "pipelines.tables.schema"),
    )


def run(work: Work, plan: Plan, out: Path) -> Outcome:
    """Read, look over and cast each file; write the day's rows."""
    import numpy as np
    import pyarrow as pa

    from pipelines.tables.schema import table_schema, write_table

    table = _only_table(work)
    files = source_files(work, table)
    _require_planned(work, files, plan)
    parts: list[pa.Table] = []
    for done, file in enumerate(files):
        work.report.progress(done, len(files), "files", file.name)
        parts.append(_read(file, table, plan.inputs[file.name]))
    rows = pa.concat_tables(parts)
    numbered = rows.append_column(
        table_schema(table).field(ROW), pa.array(np.arange(rows.num_rows))
    )
    write_table(numbered, out / "part-0.parquet")
    work.report.progress(len(files), len(files), "files")
    return Outcome(rows=rows.num_rows, metrics={"files": float(len(files))})


def _read(file: SourceFile, table: Table, planned: str) -> "pa.Table":
    import pyarrow as pa

    from pipelines.ingestion.cast import from_text, from_typed
    from pipelines.ingestion.damage import second_look
    from pipelines.ingestion.delimited import line_of, read_delimited
    from pipelines.ingestion.parquet import read_parquet

    with second_look(file, planned), file.local() as path:
        if table.source.format == "csv":
            read, content = read_delimited(path, table, file.name)
            cast, place = from_text, lambda row: f"line {line_of(content, row)}"
        else:
            read = read_parquet(path, table, file.name)
            cast, place = from_typed, lambda row: f"row {row} (the first is 0)"
        columns = {c.name: cast(read[c.name], c, file.name, place) for c in table.columns}
    return pa.table(columns)


def _only_table(work: Work) -> Table:
    """The table of examples, which so far is the only one a declaration may have here."""
    names = [table.name for table in work.pipeline.tables]
    if len(names) > 1:
        raise ConfigError(
            f"{work.pipeline.name} declares {len(names)} tables ({', '.join(names)}), and ingest "
            f"reads one. Declare only {work.pipeline.examples!r}, the table of examples."
        )
    return work.pipeline.table


def _require_planned(work: Work, files: list[SourceFile], plan: Plan) -> None:
    names = [file.name for file in files]
    if names != list(plan.inputs):
        raise SourceNotReadyError(
            f"{work.report.work}: the source's files changed while they were read, from "
            f"{len(plan.inputs)} to {len(names)}. Expected a finished delivery. Try again."
        )
