"""The rows of a training set as the feature table has them, in its order.

Why: a champion of an earlier day has preprocessing of its own, so it is evaluated as it serves: raw
    rows into its graph; subgroups and baselines are of values before preprocessing.
Promise: the very version of each day that the training set was made from, or an error; rows that the training set
    leaves out are left out.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.core.store import Manifest
from pipelines.protocol import Work, giver_of
from pipelines.shared.tables.known_days import part_as_of
from pipelines.shared.tables.values import read_served
from pipelines.shared.tables.window import FEATURES, features_version


def raw_columns(
    work: Work, training_set: Manifest, part: str, kinds: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """Columns of the feature tables of a part's rows, ``(n_rows,)`` each.

    Args:
        work: Whose they are.
        training_set: Made from them.
        part: Part of the training set.
        kinds: ``number``, ``integer`` or ``text``, by column.

    Raises:
        InputMissingError: The version of a day that the training set was made from is gone.
        ArtifactError: A table lacks rows of the training set.
        KeyError: The tables lack a column.
    """
    folder, found = work.store.open(training_set), []
    for entry in json.loads((folder / "index.json").read_text())[part]:
        path = _path(work, training_set, entry["day"])
        values = _values(path, kinds)
        rows = pq.read_metadata(path).num_rows
        if rows != entry["rows"]:
            chosen = _positions(path, folder / entry["keys"], work.pipeline.table.id_column)
            values = {name: each[chosen] for name, each in values.items()}
        found.append(values)
    return {name: np.concatenate([each[name] for each in found]) for name in kinds}


def _path(work: Work, training_set: Manifest, day: str) -> Path:
    manifest = features_version(work, day, training_set.inputs[f"{FEATURES}/ds={day}"])
    return work.store.open(manifest) / part_as_of(manifest, work.model_day)


def _values(path: Path, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    with pq.ParquetFile(path) as file:
        missing = sorted(set(kinds) - set(file.schema_arrow.names))
        groups = file.num_row_groups
    if missing:
        raise KeyError(", ".join(missing[:5]))
    parts = [read_served(path, group, kinds) for group in range(groups)]
    return {name: np.concatenate([part[name] for part in parts]) for name in kinds}


def _positions(path: Path, keys: Path, id_column: str) -> NDArray[np.int64]:
    """Where each row of the training set is in the table, by the id of the row."""
    every, wanted = (pq.read_table(f, columns=[id_column])[id_column] for f in (path, keys))
    found: pa.ChunkedArray = pc.index_in(
        wanted.cast(every.type), value_set=every.combine_chunks()
    )
    if found.null_count:
        raise ArtifactError(
            f"{path.parent}: {found.null_count:,} of {len(found):,} rows of the training set are not in the features "
            f"that it was made from. Run "
            f"{giver_of('training_set').name} for it again."
        )
    return found.to_numpy().astype(np.int64)
