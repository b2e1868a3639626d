"""Read a bounded sample of a table's files, as ingest would read them.

Why: a table may be larger than memory, and its first rows are not like its last.
Promise: a bounded number of bytes and rows is read, from the first file to the last; values of text
    files are texts, with nulls as the sample's settings say; files are not changed.
Not here: the types of the columns (``columns.py``), CSV (``delimited_sample.py``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather, orc

from pipelines.core.errors import ConfigError, PipelineError
from pipelines.drivers.scaffold.profile.cell_samples import FilePart, excel_sample, json_sample
from pipelines.drivers.scaffold.profile.columns import ReadingGuess
from pipelines.drivers.scaffold.profile.delimited_sample import read_delimited_sample
from pipelines.drivers.scaffold.profile.files import FoundFiles
from pipelines.drivers.scaffold.profile.number_texts import marks_of
from pipelines.stages.ingest.formats import FORMATS

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


def read_sample(found: FoundFiles) -> Sample:
    """Some rows of the first file, of the last, and of those between.

    Raises:
        ConfigError: They cannot be read, have no rows, or are no table.
    """
    files = spread(found.files, MOST_FILES)
    try:
        if found.format == "csv":
            texts = read_delimited_sample(files, MOST_BYTES // len(files))
            sample = Sample(texts.rows, texts.total, texts.whole, texts.settings)
        else:
            sample = _parts(files, READERS[found.format], MOST_ROWS // len(files))
        if FORMATS[found.format].is_text:
            how = ReadingGuess(all_texts=True, marks=marks_of(sample.rows.columns))
            sample = replace(sample, how=how)
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


def _parts(files: Sequence[Path], read: Callable[[Path, int], FilePart], most: int) -> Sample:
    parts = [read(path, most) for path in files]
    rows = pa.concat_tables([part.rows for part in parts], promote_options="permissive")
    total = sum(part.total for part in parts)
    return Sample(rows, total, whole=rows.num_rows == total)


def _parquet(path: Path, most: int) -> FilePart:
    with pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        groups = file.metadata.num_row_groups
        wanted = sorted({round(n * (groups - 1) / 7) for n in range(8)}) if groups else []
        each = -(-most // max(len(wanted), 1))
        batches = [b for group in wanted for b in _batches(file, group, each)]
        rows = pa.Table.from_batches(batches, file.schema_arrow)
        return FilePart(rows, file.metadata.num_rows)


def _batches(file: pq.ParquetFile, group: int, most: int) -> Iterator[pa.RecordBatch]:
    for batch in file.iter_batches(min(most, 1 << 16), row_groups=[group]):
        yield batch.slice(0, most)
        most -= batch.num_rows
        if most <= 0:
            return


def _orc(path: Path, most: int) -> FilePart:
    file = orc.ORCFile(path)
    batches = islice((file.read_stripe(n) for n in range(file.nstripes)), 4)
    rows = pa.Table.from_batches([batch.slice(0, most) for batch in batches], file.schema)
    return FilePart(rows, file.nrows)


def _feather(path: Path, most: int) -> FilePart:
    rows = feather.read_table(path, memory_map=True)
    return FilePart(rows.slice(0, most), rows.num_rows)


READERS: Mapping[str, Callable[[Path, int], FilePart]] = {
    "parquet": _parquet,
    "orc": _orc,
    "feather": _feather,
    "json": json_sample,
    "excel": excel_sample,
}
