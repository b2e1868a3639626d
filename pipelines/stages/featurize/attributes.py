"""Attributes of a partition's entities: columns of static tables, by the entity of each row.

Promise: a static table is read once, some rows at a time, and only the rows of the partition's own
    entities are kept. A row without an entity, or whose entity the table does not have, has null.
Not here: which version of a static table is read (``stage.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.shared.tables.known_days import FIRST_PART
from pipelines.stages.featurize.feature_plan import AttributeColumn
from pipelines.stages.featurize.groups import read_groups
from pipelines.stages.featurize.history import PartitionFiles
from pipelines.stages.featurize.rows import elapsed


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of the entities of a partition.

    Attributes:
        columns: What is declared.
        rows: By the key column of the entity and the static table: the rows of the partition's entities.
    """

    columns: Sequence[AttributeColumn]
    rows: Mapping[tuple[str, str], pa.Table]

    def of_rows(self, table: pa.Table, time: str) -> dict[str, pa.ChunkedArray | pa.Array]:
        """Each attribute of some rows, by feature; numbers as float64.

        Args:
            table: The rows.
            time: Column of their event times.
        """
        at = {
            (key, name): pc.index_in(table[key], value_set=rows[key])
            for (key, name), rows in self.rows.items()
        }
        return {
            each.name: self._of(each, at[each.key, each.table], table[time])
            for each in self.columns
        }

    def _of(
        self, column: AttributeColumn, at: pa.ChunkedArray, times: pa.ChunkedArray
    ) -> pa.ChunkedArray | pa.Array:
        found = self.rows[column.key, column.table][column.column].take(at)
        if column.is_category:
            return found
        if column.since is not None:
            return pa.array(elapsed(column.since, found, times))
        return pc.fill_null(found.cast(pa.float64(), safe=False), float("nan"))


def read_attributes(
    columns: Sequence[AttributeColumn],
    files: Mapping[str, PartitionFiles],
    part: Path,
    group_rows: int,
) -> Attributes:
    """Read the attributes of a partition's entities.

    Args:
        columns: What is declared.
        files: The static tables, by name.
        part: The partition's rows.
        group_rows: How many rows are in memory at a time.
    """
    rows = {}
    for key, table in dict.fromkeys((each.key, each.table) for each in columns):
        names = dict.fromkeys(
            [key, *(c.column for c in columns if (c.key, c.table) == (key, table))]
        )
        wanted = _distinct(part, key, group_rows)
        batches = read_groups(files[table].folder / FIRST_PART, [*names], group_rows)
        kept = [batch.filter(pc.is_in(batch[key], value_set=wanted)) for batch in batches]
        rows[key, table] = pa.concat_tables(kept).combine_chunks()
    return Attributes(columns, rows)


def _distinct(part: Path, key: str, group_rows: int) -> pa.Array:
    found = pa.array([], pq.read_schema(part).field(key).type)
    for group in read_groups(part, [key], group_rows):
        found = pc.unique(pa.concat_arrays([found, *group[key].chunks]))
    return found.drop_null()
