"""``scores.parquet``: of every test row its keys, and columns beside them.

Promise: a column of ours never replaces a key of the same name.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SCORES = "scores.parquet"


def own_name(name: str, keys: Collection[str]) -> str:
    """What a column of the scores is called where the table may have one of that name."""
    return f"_{name}" if name in keys else name


def scores_table(keys: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    """The keys of some rows, and columns after them."""
    table = keys.replace_schema_metadata(None)
    for name, values in columns.items():
        table = table.append_column(own_name(name, keys.column_names), values)
    return table


def write_scores(table: pa.Table, folder: Path) -> None:
    """Write the table below a folder."""
    pq.write_table(table, folder / SCORES, compression="zstd", compression_level=1)


def read_scores(file: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Columns of ours by name, as far as the table has them."""
    table = pq.read_table(file, use_threads=False)
    stored = {name: f"_{name}" if f"_{name}" in table.column_names else name for name in names}
    return {
        name: table[own].to_numpy() for name, own in stored.items() if own in table.column_names
    }
