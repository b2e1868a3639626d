"""Read a bounded sample of a table's files, as ingest would read them.

Why: a table may be larger than memory, and its first rows are not like its last.
Promise: a bounded number of bytes and rows is read, from the first file to the last; values of text
    files are texts, with nulls as the sample's settings say; files are not changed.
Not here: the types of the columns (``columns.py``), CSV (``delimited_sample.py``).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather, orc

from pipelines.core.errors import ConfigError, PipelineError, SourceUnreadableError
from pipelines.drivers.scaffold.profile.columns import ReadingGuess
from pipelines.drivers.scaffold.profile.delimited_sample import (
    first_bytes,
    read_delimited_sample,
)
from pipelines.drivers.scaffold.profile.files import FoundFiles
from pipelines.drivers.scaffold.profile.number_texts import marks_of
from pipelines.stages.ingest.stream import opened

MOST_FILES, MOST_ROWS = 16, 120_000
MOST_BYTES = 24 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows of a table.

    Attributes:
        rows: Columns by their names in the source; of a text file all of them are texts.
        total: Number of rows of the table; estimated where the sample is not all of it.
        whole: Whether the sample is all of the table.
        settings: How the source is read: ``delimiter``, ``nulls`` and so on, where not the default.
        how: How ingest will read the values.
    """

    rows: pa.Table
    total: int
    whole: bool
    settings: Mapping[str, object] = field(default_factory=dict)
    how: ReadingGuess = field(default_factory=ReadingGuess)


@dataclass(frozen=True, slots=True)
class Part:
    """The sample of one file: its rows, and the number of rows of the file."""

    rows: pa.Table
    total: int


def read_sample(found: FoundFiles) -> Sample:
    """Some rows of the first file, of the last, and of those between.

    Raises:
        ConfigError: They cannot be read, have no rows, or are no table.
    """
    files = spread(found.files, MOST_FILES)
    try:
        if found.format == "csv":
            texts = read_delimited_sample(files, MOST_BYTES // len(files))
            how = ReadingGuess(all_texts=True, marks=marks_of(texts.rows.columns))
            sample = Sample(texts.rows, texts.total, texts.whole, texts.settings, how)
        else:
            sample = _typed(files, READERS[found.format], MOST_ROWS // len(files))
    except (PipelineError, pa.ArrowException, OSError, ValueError) as error:
        raise ConfigError(_unreadable(files, found.format, error)) from error
    total = round(sample.total * len(found.files) / len(files))
    whole = sample.whole and len(files) == len(found.files)
    _require_table(sample.rows, found)
    return replace(sample, total=total, whole=whole)


def spread(items: Sequence[Path], most: int) -> list[Path]:
    """At most so many of them, evenly spread, the first and the last included."""
    if len(items) <= most:
        return list(items)
    return [items[round(n * (len(items) - 1) / (most - 1))] for n in range(most)]


def _unreadable(files: Sequence[Path], kind: str, error: Exception) -> str:
    said = " ".join(str(error).split())[:300].rstrip(".")
    which = "" if any(path.name in said for path in files) else f"{files[0].name}: "
    return f"--from: {which}{said}. Expected readable {kind} files. Correct the file, or give another."


def _require_table(rows: pa.Table, found: FoundFiles) -> None:
    name = found.files[0].name
    if rows.num_columns < 2:  # noqa: PLR2004  a row has an id and a time at least
        raise ConfigError(
            f"--from: {name} has {rows.num_columns} column ({', '.join(rows.column_names)}). Expected a "
            f"table with at least an id, a time and a label. Give the file that has them."
        )
    if not rows.num_rows:
        raise ConfigError(
            f"--from: {name} has no rows, only the names of its columns. Give a file with rows."
        )


def _typed(files: Sequence[Path], read: Callable[[Path, int], Part], most: int) -> Sample:
    parts = [read(path, most) for path in files]
    rows = pa.concat_tables([part.rows for part in parts], promote_options="permissive")
    total = sum(part.total for part in parts)
    return Sample(rows, total, whole=rows.num_rows == total)


def _parquet(path: Path, most: int) -> Part:
    with pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        groups = file.metadata.num_row_groups
        wanted = sorted({round(n * (groups - 1) / 7) for n in range(8)}) if groups else []
        each = -(-most // max(len(wanted), 1))
        batches = [b for group in wanted for b in _batches(file, group, each)]
        rows = pa.Table.from_batches(batches, file.schema_arrow)
        return Part(rows, file.metadata.num_rows)


def _batches(file: pq.ParquetFile, group: int, most: int) -> Iterator[pa.RecordBatch]:
    for batch in file.iter_batches(min(most, 1 << 16), row_groups=[group]):
        yield batch.slice(0, most)
        most -= batch.num_rows
        if most <= 0:
            return


def _orc(path: Path, most: int) -> Part:
    file = orc.ORCFile(path)
    batches = islice((file.read_stripe(n) for n in range(file.nstripes)), 4)
    rows = pa.Table.from_batches([batch.slice(0, most) for batch in batches], file.schema)
    return Part(rows, file.nrows)


def _feather(path: Path, most: int) -> Part:
    rows = feather.read_table(path, memory_map=True)
    return Part(rows.slice(0, most), rows.num_rows)


def _json(path: Path, most: int) -> Part:
    """An object a line; a value of mixed types becomes text."""
    with opened(path, path.name) as stream:
        content = first_bytes(stream, MOST_BYTES)
    lines = content.splitlines()[: most + 1]
    objects = [json.loads(line) for line in lines[:most] if line.strip()]
    if not all(isinstance(each, dict) for each in objects):
        raise SourceUnreadableError(
            f"Source file {path.name} is not JSON lines. Expected an object a line"
        )
    names = list(dict.fromkeys(name for each in objects for name in each))
    columns = {name: _column([each.get(name) for each in objects]) for name in names}
    rows = pa.table(columns)
    return Part(rows, rows.num_rows if len(lines) <= most else len(content.splitlines()))


def _excel(path: Path, most: int) -> Part:
    from python_calamine import CalamineWorkbook

    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    if not sheet:
        raise SourceUnreadableError(f"Source file {path.name} has an empty first sheet")
    header, *body = sheet
    columns = zip(*([None if v == "" else v for v in row] for row in body[:most]), strict=True)
    values = [_column(list(each)) for each in columns] or [pa.nulls(0)] * len(header)
    return Part(pa.Table.from_arrays(values, [str(name) for name in header]), len(body))


def _column(values: list[object]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else str(v) for v in values], pa.string())


READERS: Mapping[str, Callable[[Path, int], Part]] = {
    "parquet": _parquet,
    "orc": _orc,
    "feather": _feather,
    "json": _json,
    "excel": _excel,
}
