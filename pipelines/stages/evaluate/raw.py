"""The test rows as the feature table has them, in the order of the training set.

Why: a champion of an earlier day has preprocessing of its own, so it is evaluated as it serves: raw
    rows into its graph.
Promise: the very version of each day that the training set was made from, or an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.store import Manifest
from pipelines.protocol import Work
from pipelines.shared.tables.known_days import part_as_of
from pipelines.shared.tables.values import read_served
from pipelines.shared.tables.window import FEATURES, features_version


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
        InputMissingError: The version of a day that the training set was made from is gone.
        KeyError: The tables lack a column.
    """
    parts = [part for day in days for part in _parts(_path(work, training_set, day), kinds)]
    return {name: np.concatenate([part[name] for part in parts]) for name in kinds}


def _path(work: Work, training_set: Manifest, day: str) -> Path:
    manifest = features_version(work, day, training_set.inputs[f"{FEATURES}/ds={day}"])
    return work.store.open(manifest) / part_as_of(manifest, work.model_day)


def _parts(path: Path, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        missing = sorted(set(kinds) - set(file.schema_arrow.names))
        groups = file.num_row_groups
    if missing:
        raise KeyError(", ".join(missing[:5]))
    return [read_served(path, group, kinds) for group in range(groups)]
