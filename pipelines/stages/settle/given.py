"""The scores that models gave to the rows of a partition, as published.

Promise: nothing is scored; columns alone that are asked for are read, a part at a time. Of several versions of scores
    by one model the published one counts, else the newest.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.core.store import Manifest, Store
from pipelines.spec import Binary, Head, MultiClass, Ordinal, Pipeline
from pipelines.stages.settle.inputs import SHADOW, PartitionScores

VERSION, DIGEST = "model_version", "model_digest"
SCORE, PROBABILITY, DECISION, PROBABILITIES = (
    "score",
    "probability",
    "decision",
    "probabilities",
)
PARTS, SHADOW_PARTS, SUMMARY = "part-*.parquet", "shadow-*.parquet", "scores.json"


@dataclass(frozen=True, slots=True)
class GivenScores:
    """What one model predicted of the rows of a partition.

    Attributes:
        version: Its version in the registry.
        digest: Its digest; of a challenger it may be empty.
        role: One of ``ROLES``.
        ids: Id of each row.
        predictions: What it predicted, by name, ``(n_rows,)`` or ``(n_rows, n_classes)``.
    """

    version: int
    digest: str
    role: str
    ids: pa.ChunkedArray
    predictions: dict[str, NDArray[Any]]

    def names(self) -> dict[str, Any]:
        """Whose they are, as a settlement has it."""
        return {VERSION: self.version, DIGEST: self.digest, "role": self.role}


def given_scores(
    store: Store, pipeline: Pipeline, scores: PartitionScores
) -> Iterator[GivenScores]:
    """The scores of each model that scored a partition, each model once.

    Raises:
        ArtifactError: Published scores lack a column.
    """
    seen = set[tuple[int, str]]()
    for role, manifest in scores.artifacts:
        for given in _of_artifact(store, pipeline, role, manifest):
            own = (given.version, given.digest)
            if own not in seen:
                seen.add(own)
                yield given


def key_columns_of(store: Store, manifest: Manifest, columns: list[str]) -> pa.Table:
    """Columns of the rows that were scored, in their order."""
    return _read(store.open(manifest), PARTS, columns, manifest)


def _of_artifact(
    store: Store, pipeline: Pipeline, role: str, manifest: Manifest
) -> Iterator[GivenScores]:
    folder, id_column = store.open(manifest), pipeline.table.id_column
    rows = _read(
        folder, PARTS, [id_column, *_predicted(pipeline.head), VERSION, DIGEST], manifest
    )
    yield from _by_version(rows, role, id_column)
    del rows
    if isinstance(pipeline.head, Binary) and any(folder.glob(SHADOW_PARTS)):
        columns = [id_column, SCORE, PROBABILITY, VERSION]
        shadow = _read(folder, SHADOW_PARTS, columns, manifest, maybe=(DIGEST,))
        yield from _by_version(shadow, SHADOW, id_column)


def _has_threshold(folder: Path) -> bool:
    """Whether anything was decided: without a threshold no row has an alert."""
    return json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["threshold"] is not None


def _by_version(rows: pa.Table, role: str, id_column: str) -> Iterator[GivenScores]:
    has_digest = DIGEST in rows.column_names
    versions = rows.select([VERSION, DIGEST] if has_digest else [VERSION])
    for found in (
        versions.group_by(versions.column_names).aggregate([]).sort_by(VERSION).to_pylist()
    ):
        own = rows.filter(pc.equal(rows[VERSION], found[VERSION])) if len(rows) else rows
        if has_digest:
            own = own.filter(pc.equal(own[DIGEST].cast(pa.string()), found[DIGEST]))
        named = (n for n in own.column_names if n not in (id_column, VERSION, DIGEST))
        predictions = {_plain(name, id_column): _array(own[name]) for name in named}
        yield GivenScores(
            found[VERSION], found.get(DIGEST) or "", role, own[id_column], predictions
        )


def _predicted(head: Head) -> list[str]:
    if isinstance(head, Binary):
        return [SCORE, PROBABILITY, DECISION]
    return [PROBABILITIES] if isinstance(head, MultiClass | Ordinal) else [SCORE]


def _read(
    folder: Path,
    pattern: str,
    columns: list[str],
    manifest: Manifest,
    maybe: tuple[str, ...] = (),
) -> pa.Table:
    """Columns of all parts; where the table of examples has a column of such a name, ours has an underscore."""
    found = []
    for path in sorted(folder.glob(pattern)):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            there = set(file.schema_arrow.names)
            named = [f"_{n}" if f"_{n}" in there else n for n in columns]
            missing = [n for n in named if n not in there]
            if missing:
                raise _unlike(manifest, path.name, missing)
            wanted = [*named, *(n for n in maybe if n in there)]
            found.append(file.read(columns=wanted, use_threads=False))
    if not found:
        raise _unlike(manifest, pattern, columns)
    return pa.concat_tables(found)


def _unlike(manifest: Manifest, name: str, missing: list[str]) -> ArtifactError:
    return ArtifactError(
        f"{manifest.ref.path()}: {name} lacks {', '.join(missing)}, which the declared head predicts. Score the "
        f"partition again: python -m pipelines stage {manifest.stage} {manifest.pipeline} --partition "
        f"{manifest.key.rpartition('ds=')[2]} --store ..."
    )


def _plain(name: str, id_column: str) -> str:
    return name.removeprefix("_") if name != id_column else name


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column as an array; lists of one length as a matrix."""
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks]).to_numpy()
        return np.asarray(flat).reshape(len(column), -1)
    return np.asarray(column.to_numpy())
