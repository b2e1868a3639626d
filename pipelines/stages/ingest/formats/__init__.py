"""The formats of source files: one module a format, and here the reader of each.

Why: a format is added in its module, by a line below, and by its name in ``SOURCE_FORMATS``.
Promise: readers yield blocks of rows in the file's order, with a function that names a row in messages.
Not here: casting the values (``pipelines/stages/ingest/rows.py``).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.stages.ingest.formats.delimited import read_delimited
from pipelines.stages.ingest.formats.excel import read_excel
from pipelines.stages.ingest.formats.feather import read_feather
from pipelines.stages.ingest.formats.json_lines import read_json_lines
from pipelines.stages.ingest.formats.orc import read_orc
from pipelines.stages.ingest.formats.parquet import read_parquet

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.stages.ingest.reading import Read
    from pipelines.stages.ingest.values.cast_errors import RowNames

Reader = Callable[[Path, "Read"], "Iterator[tuple[pa.Table, RowNames]]"]


@dataclass(frozen=True, slots=True)
class Format:
    """How files of a format are read.

    Attributes:
        read: Yields the declared columns of a file, under their declared names.
        is_text: Whether values are read as texts, and parsed to the declared types.
    """

    read: Reader
    is_text: bool = False


FORMATS = {
    "parquet": Format(read_parquet),
    "csv": Format(read_delimited, is_text=True),
    "json": Format(read_json_lines, is_text=True),
    "excel": Format(read_excel, is_text=True),
    "orc": Format(read_orc),
    "feather": Format(read_feather),
}
