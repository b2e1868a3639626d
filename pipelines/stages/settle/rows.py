"""The rows of a partition as metrics need them: when, whose, with which label, and whether they count.

Why: scores alone say which rows an estimate is of, features which labels have become known; both are cut to the rows
    that count in the same way.
Promise: of a partition's columns only keys, the label and those that divide subgroups are in memory: about 60 bytes a
    row with whole-number keys.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.store import Manifest
from pipelines.protocol import Work
from pipelines.shared.metrics.known_entities import first_events
from pipelines.shared.tables.cohort import hashed_keys
from pipelines.shared.tables.day_numbers import day_numbers
from pipelines.shared.tables.entity_numbers import numbered
from pipelines.shared.tables.labels import are_known
from pipelines.shared.tables.values import read_served
from pipelines.spec import Label, Pipeline
from pipelines.spec.checks.evaluation import subgroup_kinds
from pipelines.stages.settle.inputs import SettlementInputs, known_partitions, label_part

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PartitionRows:
    """Rows of a partition, each array ``(n_rows,)``.

    Attributes:
        ids: Id of each row.
        entity: Number of its entity, the one that alerts are raised on.
        hashes: Hash of its entity's key, by which entities are resampled.
        day: Number of its day.
        known: Whether its entity was known to have had the event.
        labels: Its label, NaN for none; all NaN where no label is known yet.
    """

    ids: pa.ChunkedArray
    entity: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    day: NDArray[np.int64]
    known: Mask
    labels: NDArray[np.float64]

    def of_rows(self, rows: NDArray[Any]) -> "PartitionRows":
        """Some of them, by flags or positions; all of them are not copied."""
        if rows.dtype == bool and rows.all():
            return self
        arrays = ("entity", "hashes", "day", "known", "labels")
        some = {name: getattr(self, name)[rows] for name in arrays}
        chosen = pa.array(rows)
        ids = self.ids.filter(chosen) if rows.dtype == bool else self.ids.take(chosen)
        return replace(self, ids=ids, **some)


@dataclass(frozen=True, slots=True)
class KnownEvents:
    """Keys and days of the events of the days before, by partition."""

    work: Work
    inputs: SettlementInputs
    read: dict[str, tuple[pa.ChunkedArray, NDArray[np.int64]]]

    def marked(
        self, rows: PartitionRows, keys: pa.ChunkedArray, partition: str
    ) -> PartitionRows:
        """The rows with those marked whose entity's event was known on their day."""
        wanted = known_partitions(self.work.pipeline, partition)
        days = [day for day in wanted if day in self.inputs.before]
        if not days:
            return rows
        events = [self._of(day) for day in days]
        *theirs, own = numbered([*(e[0].cast(keys.type) for e in events), keys])
        known = first_events(zip(theirs, (e[1] for e in events), strict=True))
        settled_days = self.work.pipeline.label.settled_days()
        return replace(rows, entity=own, known=known.by(own, rows.day - settled_days))

    def _of(self, partition: str) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
        if partition not in self.read:
            self.read[partition] = self._events(self.inputs.before[partition])
        return self.read[partition]

    def _events(self, manifest: Manifest) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
        """Key and day of each event of a partition, a batch of rows in memory at a time."""
        pipeline = self.work.pipeline
        entity, time, label = _columns(pipeline)
        path, found = self.work.store.open(manifest) / label_part(self.inputs, manifest), []
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            columns = list(dict.fromkeys([entity, time, label]))
            for batch in file.iter_batches(columns=columns, use_threads=False):
                labels = batch[label].cast(pa.float64(), safe=False)
                is_event = labels.to_numpy(zero_copy_only=False) > 0
                found.append(pa.Table.from_batches([batch]).filter(pa.array(is_event)))
            table = pa.concat_tables(found) if found else file.read(columns=columns)
        return table[entity], day_numbers(table[time], pipeline.time_zone)


def scored_rows(keys: pa.Table, pipeline: Pipeline) -> PartitionRows:
    """Rows as scores have them: no label is known."""
    entity, time, _ = _columns(pipeline)
    ids = keys[pipeline.table.id_column]
    return PartitionRows(
        ids=ids,
        entity=numbered([keys[entity]])[0],
        hashes=_hashes(keys[entity], ids),
        day=day_numbers(keys[time], pipeline.time_zone),
        known=np.zeros(len(ids), bool),
        labels=np.full(len(ids), np.nan),
    )


def key_names(pipeline: Pipeline) -> list[str]:
    """Columns that rows are distinguished, resampled and dated by."""
    entity, time, _ = _columns(pipeline)
    return list(dict.fromkeys([pipeline.table.id_column, entity, time]))


def labelled_rows(path: Path, pipeline: Pipeline) -> tuple[PartitionRows, pa.ChunkedArray]:
    """Rows as the features have them, with their labels; and the key of each one's entity."""
    entity, _, label = _columns(pipeline)
    columns = list(dict.fromkeys([*key_names(pipeline), label]))
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read(columns=columns, use_threads=False)
    values = table[label].combine_chunks()
    labels = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    labels = np.where(are_known(values), labels, np.nan)
    return replace(scored_rows(table, pipeline), labels=labels), table[entity]


def subgroup_columns(path: Path, pipeline: Pipeline) -> dict[str, NDArray[Any]]:
    """Values of the columns that divide subgroups, in the rows' order."""
    names = [each.column for each in pipeline.evaluation.subgroups]
    if not names:
        return {}
    known = subgroup_kinds(pipeline)
    kinds = {name: known[name] for name in names}
    with pq.ParquetFile(path) as file:
        groups = file.num_row_groups
    parts = [read_served(path, group, kinds) for group in range(groups)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _hashes(keys: pa.ChunkedArray, ids: pa.ChunkedArray) -> NDArray[np.uint64]:
    """A hash of each row's entity; a row without one is an entity of its own."""
    hashes = hashed_keys(keys)
    if not keys.null_count:
        return hashes
    return np.where(keys.is_valid().to_numpy(), hashes, hashed_keys(ids))


def _columns(pipeline: Pipeline) -> tuple[str, str, str]:
    """Columns of the entity, the event time and the label."""
    label = pipeline.label.column if isinstance(pipeline.label, Label) else ""
    return pipeline.resampled_column(), pipeline.table.time_column, label
