"""The rows of a cohort, copied from the features to a file for each part, with their labels.

Why: where entities are divided, one partition has rows of every part, and the rest of preprocessing reads files
    whose rows are all of one.
Promise: rows keep their order; a cohort of other features, or with an entity that is both trained on and tested,
    is an error. A group of rows is in memory at a time, and of the cohort one partition.
Not here: who is in it (``pipelines/stages/cohort/``), arrays (``shards.py``).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.core.store import Manifest
from pipelines.protocol import stage_of
from pipelines.shared.compute.compute import Compute
from pipelines.shared.tables import cohort, cohort_names
from pipelines.shared.tables.cohort import hashed_keys
from pipelines.shared.tables.cohort_names import (
    COHORT_PARTS,
    SUMMARY,
    TEST,
    TRAIN,
    VALIDATION,
    cohort_file,
)
from pipelines.shared.tables.schema import parquet_options
from pipelines.shared.tables.window import ModelWindow
from pipelines.spec.learning import BY_TIME
from pipelines.stages.preprocess.row_ranges import RowRange, row_ranges_of

# No declared column, entity or composite has a dot in its name.
LABEL, COMPETING, WEIGHT = "y.label", "y.competing", "y.weight"
READ = [cohort.ROW_ID, cohort.PART, cohort.LABEL, cohort.COMPETING, cohort.WEIGHT]
RangesByPart = dict[str, dict[str, list[RowRange]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyTask:
    """The rows of a partition to copy.

    Attributes:
        partition: The partition.
        features: Its feature table.
        cohort: Its cohort.
        row_id: Column of the features that identifies a row.
        entity: Column of the entity that is divided; empty where none is.
        out: Folder with a folder for each part.
    """

    partition: str
    features: str
    cohort: str
    row_id: str
    entity: str
    out: str


@dataclass(frozen=True, slots=True)
class CopiedRows:
    """What was copied of a partition.

    Attributes:
        partition: The partition.
        read: Rows that were read.
        trained: Hashes of the entities in training and validation rows, each once.
        tested: Those in test rows.
    """

    partition: str
    read: int
    trained: NDArray[np.uint64]
    tested: NDArray[np.uint64]


def selected_rows(
    window: ModelWindow,
    drawn: Manifest,
    compute: Compute,
    on_rows: Callable[[int], None],
    out: Path,
) -> RangesByPart:
    """Copy the rows of every partition; the row ranges of each part's files, oldest first.

    Args:
        window: The features.
        drawn: The manifest of their cohort.
        compute: Runs a task for each partition.
        on_rows: Called with the rows of each partition that was read.
        out: Folder for the files.

    Raises:
        ArtifactError: The cohort is not of these features, or an entity is on both sides.
    """
    work = window.work
    for part in COHORT_PARTS:
        (out / part).mkdir(parents=True, exist_ok=True)
    split, folder = work.pipeline.split, work.store.open(drawn)
    key = "" if split.entity is None else work.pipeline.entity(split.entity).key
    tasks = [
        CopyTask(
            partition=day,
            features=str(work.store.open(manifest) / window.part(day)),
            cohort=str(folder / cohort_file(day)),
            row_id=work.pipeline.table.id_column,
            entity=key if split.by != BY_TIME else "",
            out=str(out),
        )
        for day, manifest in window.days.items()
    ]
    found = compute.map(select_rows, tasks, lambda each: on_rows(each.read))
    _require_apart(work.report.work, str(split.entity), found)
    every = {
        part: {day: _ranges(out, part, day) for day in window.days} for part in COHORT_PARTS
    }
    return {part: {d: r for d, r in days.items() if r} for part, days in every.items()}


def _ranges(out: Path, part: str, day: str) -> list[RowRange]:
    path = _path(out, part, day)
    return row_ranges_of(day, path) if path.exists() else []


def _require_apart(work: str, entity: str, found: Sequence[CopiedRows]) -> None:
    """Refuse entities that are both trained on and tested."""
    nobody = np.zeros(0, np.uint64)
    trained = np.unique(np.concatenate([nobody, *(each.trained for each in found)]))
    tested = np.unique(np.concatenate([nobody, *(each.tested for each in found)]))
    both = len(np.intersect1d(trained, tested))
    if both:
        raise ArtifactError(
            f"{work}: {both} of {len(tested)} members of the entity {entity} that are tested are trained on "
            f"as well, though the split keeps them apart. Run {stage_of(cohort_names.COHORTS).name} for this "
            f"as-of day again."
        )


def select_rows(task: CopyTask) -> CopiedRows:
    """Copy the rows of a partition to the file of each one's part."""
    own = pq.read_table(task.cohort, columns=READ, use_threads=False)
    part, start = own[cohort.PART].to_numpy(zero_copy_only=False), 0
    sides: dict[str, list[NDArray[np.uint64]]] = {p: [] for p in COHORT_PARTS}
    with ExitStack() as stack:
        file = stack.enter_context(
            pq.ParquetFile(task.features, page_checksum_verification=True)
        )
        _require_rows(task, file.metadata.num_rows, own.num_rows)
        writers: dict[str, pq.ParquetWriter] = {}
        for batch in file.iter_batches(use_threads=False):
            rows = own.slice(start, len(batch))
            here = _with_labels(task, pa.Table.from_batches([batch]), rows)
            for name in COHORT_PARTS:
                chosen = here.filter(pa.array(part[start : start + len(batch)] == name))
                if not chosen.num_rows:
                    continue
                if name not in writers:
                    writers[name] = stack.enter_context(_writer(task, name, chosen.schema))
                writers[name].write_table(chosen)
                if task.entity:
                    sides[name].append(np.unique(hashed_keys(chosen[task.entity])))
            start += len(batch)
    return CopiedRows(
        task.partition,
        start,
        _distinct(*sides[TRAIN], *sides[VALIDATION]),
        _distinct(*sides[TEST]),
    )


def _writer(task: CopyTask, part: str, schema: pa.Schema) -> pq.ParquetWriter:
    path = _path(Path(task.out), part, task.partition)
    return pq.ParquetWriter(path, schema, **parquet_options(schema))


def _distinct(*parts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *parts]))


def _with_labels(task: CopyTask, rows: pa.Table, drawn: pa.Table) -> pa.Table:
    if not rows[task.row_id].combine_chunks().equals(drawn[cohort.ROW_ID].combine_chunks()):
        raise _of_other_features(task)
    named = {LABEL: cohort.LABEL, COMPETING: cohort.COMPETING, WEIGHT: cohort.WEIGHT}
    for name, column in named.items():
        rows = rows.append_column(name, drawn[column].cast(pa.float32()).combine_chunks())
    return rows.replace_schema_metadata(None)


def _require_rows(task: CopyTask, rows: int, drawn: int) -> None:
    if rows != drawn:
        raise _of_other_features(task)


def _of_other_features(task: CopyTask) -> ArtifactError:
    return ArtifactError(
        f"The cohort of {task.partition} is of other rows than its features. Run "
        f"{stage_of(cohort_names.COHORTS).name} for this as-of day again."
    )


def _path(out: Path, part: str, day: str) -> Path:
    return out / part / f"{day}.parquet"


def cohort_facts(folder: Path) -> dict[str, int]:
    """Training rows of a published cohort, and those with the event."""
    parts: Mapping[str, Any] = json.loads((folder / SUMMARY).read_text())["parts"]
    return {"rows": parts[TRAIN]["rows"], "positives": parts[TRAIN]["events"]}
