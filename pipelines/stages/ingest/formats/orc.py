"""Read one ORC source file, stripe by stripe.

Promise: only declared columns are read, and a stripe of them is in memory; a time that its nanoseconds
    cannot represent is an error, never another time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from pipelines.core.errors import SourceUnreadableError
from pipelines.stages.ingest.columns import match_columns, undeclared
from pipelines.stages.ingest.damage import TRANSIENT
from pipelines.stages.ingest.formats.typed import blocks_of, not_of_format, short
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.values.cast_errors import RowNames

if TYPE_CHECKING:
    from pyarrow.orc import ORCFile

MAGIC = b"ORC"
# The file ends with its magic and a byte with the length before it.
AFTER_MAGIC = 1


def read_orc(path: Path, read: Read) -> Iterator[tuple[pa.Table, RowNames]]:
    """Declared columns of a file, block by block, in the file's own types.

    Yields:
        Rows, and a function that names one of them in messages.

    Raises:
        CutShortError: There is no footer: the file is empty or truncated.
        SourceUnreadableError: It is not ORC, its stripes are corrupt, or text is not UTF-8.
        SchemaError: Declared columns are missing or ambiguous.
    """
    with path.open("rb") as source:
        file = _opened(source, path, read.name)
        found = file.schema.names
        columns = match_columns(found, read.table, read.name)
        read.extra = undeclared(found, columns)
        wanted, first = list(dict.fromkeys(columns.values())), 0
        for stripe in range(file.nstripes):
            rows = pa.Table.from_batches([_stripe(file, stripe, wanted, read.name)])
            yield from blocks_of(rows, columns, read.name, first)
            first += rows.num_rows
            read.read_share = (stripe + 1) / file.nstripes


def _opened(source: BinaryIO, path: Path, name: str) -> "ORCFile":
    from pyarrow import orc

    try:
        return orc.ORCFile(source)
    except TRANSIENT:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise not_of_format(path, name, "ORC", error, MAGIC, AFTER_MAGIC) from error


def _stripe(file: "ORCFile", stripe: int, columns: list[str], name: str) -> pa.RecordBatch:
    try:
        return file.read_stripe(stripe, columns=columns)
    except TRANSIENT:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SourceUnreadableError(
            f"Source file {name} cannot be read in stripe {stripe} (the first is 0): "
            f"{short(error)}. Expected readable stripes, and times of the years 1678 to 2261. Have "
            f"it written again."
        ) from error
