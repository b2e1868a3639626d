"""The test rows as the feature table has them, in the order of the training set.

Why: a champion of an earlier day has preprocessing of its own, so it is judged as it serves: raw
    rows into its graph.
Promise: the very version of each day that the training set was made from, or an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import TransientError
from pipelines.stages import Work
from pipelines.store import Manifest
from pipelines.tables.values import read_served

FEATURES, PART = "features", "part-0.parquet"


def raw_columns(
    work: Work, training_set: Manifest, days: list[str], kinds: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """Columns of these days' feature tables, ``(n_rows,)`` each.

    Args:
        work: Whose they are.
        training_set: Made from them.
        days: Days that have rows, in order.
        kinds: ``number``, ``integer`` or ``text``, by column.

    Raises:
        TransientError: A day's features were published again since the training set was made.
        KeyError: The tables lack a column.
    """
    parts = [part for day in days for part in _parts(_path(work, training_set, day), kinds)]
    return {name: np.concatenate([part[name] for part in parts]) for name in kinds}


def _path(work: Work, training_set: Manifest, day: str) -> Path:
    ref = work.partition_ref(FEATURES, day)
    manifest = work.find(ref)
    if manifest is None or manifest.content != training_set.inputs.get(f"{FEATURES}/{ref.key}"):
        raise TransientError(
            f"{work.report.work}: {ref.path()} is not the version that the training set was made "
            f"from. Run preprocess and train for it again."
        )
    return work.store.open(manifest) / PART


def _parts(path: Path, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        missing = sorted(set(kinds) - set(file.schema_arrow.names))
        groups = file.num_row_groups
    if missing:
        raise KeyError(", ".join(missing[:5]))
    return [read_served(path, group, kinds) for group in range(groups)]
