"""The scores that models gave to the rows of a partition, as published.

Promise: nothing is scored; columns alone that are asked for are read, a part at a time. Of several versions of scores
    by one model the published one counts, else the newest.
"""

import json
from collections.abc import Iterator, Mapping
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

VERSION = "model_version"
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
        digest: Its digest.
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
        return {VERSION: self.version, "model_digest": self.digest, "role": self.role}


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
    facts = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    rows = _read(folder, PARTS, [id_column, *_predicted(pipeline.head)], manifest)
    yield _given(rows, role, facts, id_column)
    if not (isinstance(pipeline.head, Binary) and facts["shadow"]):
        return
    shadow = _read(folder, SHADOW_PARTS, [id_column, SCORE, PROBABILITY, VERSION], manifest)
    for each in facts["shadow"]:
        own = shadow.filter(pc.equal(shadow[VERSION], each["version"]))
        yield _given(own.drop_columns([VERSION]), SHADOW, each, id_column)


def _given(rows: pa.Table, role: str, facts: Mapping[str, Any], id_column: str) -> GivenScores:
    names = [name for name in rows.column_names if name not in (id_column, DECISION)]
    predictions = {name: _array(rows[name]) for name in names}
    threshold = facts.get("threshold")
    if threshold is not None and PROBABILITY in predictions:
        # A challenger decides nothing; what it would have decided is compared all the same.
        own = DECISION in rows.column_names
        decided = rows[DECISION].to_numpy() if own else predictions[PROBABILITY] >= threshold
        predictions[DECISION] = np.asarray(decided, bool)
    return GivenScores(facts["version"], facts["digest"], role, rows[id_column], predictions)


def _predicted(head: Head) -> list[str]:
    if isinstance(head, Binary):
        return [SCORE, PROBABILITY, DECISION]
    return [PROBABILITIES] if isinstance(head, MultiClass | Ordinal) else [SCORE]


def _read(folder: Path, pattern: str, columns: list[str], manifest: Manifest) -> pa.Table:
    """Columns of all parts."""
    found = []
    for path in sorted(folder.glob(pattern)):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = [n for n in columns if n not in file.schema_arrow.names]
            if missing:
                raise _unlike(manifest, path.name, missing)
            found.append(file.read(columns=columns, use_threads=False))
    if not found:
        raise _unlike(manifest, pattern, columns)
    return pa.concat_tables(found)


def _unlike(manifest: Manifest, name: str, missing: list[str]) -> ArtifactError:
    return ArtifactError(
        f"{manifest.ref.path()}: {name} lacks {', '.join(missing)}, which the declared head predicts. Score the "
        f"partition again: python -m pipelines stage {manifest.stage} {manifest.pipeline} --partition "
        f"{manifest.key.rpartition('ds=')[2]} --store ..."
    )


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column as an array; lists of one length as a matrix."""
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks]).to_numpy()
        return np.asarray(flat).reshape(len(column), -1 if len(column) else 1)
    return np.asarray(column.to_numpy())
