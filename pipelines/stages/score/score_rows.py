"""Score one range of a partition's rows, and write its part of the published scores.

Why: a day may be larger than a worker's memory, and a lost worker should cost seconds.
Promise: ranges follow from the rows' number and width alone, not from how the features are divided or who scores
    them, so the same rows and models give the same bytes; a range is all that a task holds in memory.
Not here: which models (``chosen.py``), the columns (``scored_table.py``), what ranges add up to (``totals.py``).
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import ColumnMismatchError
from pipelines.operators.array_types import Array
from pipelines.operators.values import Words
from pipelines.shared.scoring.decision import Decision, read_decision
from pipelines.shared.scoring.served import DenseModel, Predictions, ServedModel, open_served
from pipelines.shared.tables.schema import GROUP_ROWS, group_rows
from pipelines.shared.tables.values import column_values, table_rows
from pipelines.spec import Binary, Head
from pipelines.stages.score.scored_table import (
    DIGEST,
    FEATURES,
    VERSION,
    Decided,
    constant,
    decided,
    decision_columns,
    keys_as_text,
    prediction_columns,
    reasons_of_all,
    write_options,
)
from pipelines.stages.score.totals import RangeTotals, totals_of

if TYPE_CHECKING:
    from pipelines.shared.scoring.reasons import Explainer

WIDE_BYTES = 8
"""Bytes of a value of a feature table, where its type does not say how many."""


@dataclass(frozen=True, slots=True)
class UsedModel:
    """A model in a task.

    Attributes:
        folder: Its published files.
        head: What it was trained with.
        version: Its number in the registry.
        digest: Digest of its artifact.
    """

    folder: str
    head: Head
    version: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTask:
    """One range of rows to score.

    Attributes:
        path: Table of the features.
        number: Number of the range, and so of its part.
        first: Its first row.
        rows: Its number of rows.
        out: Folder for the part.
        models: The model that scores, then those in its shadow.
        keys: Columns that name a row, the row's id first.
        features: Digest of the features.
        reasons: Most reasons of a row.
        array_module: ``numpy`` or ``cupy``.
    """

    path: str
    number: int
    first: int
    rows: int
    out: str
    models: tuple[UsedModel, ...]
    keys: tuple[str, ...]
    features: str
    reasons: int
    array_module: str = "numpy"


def part_name(number: int) -> str:
    """Name of the scores of a range."""
    return f"part-{number:05d}.parquet"


def shadow_name(number: int) -> str:
    """Name of the scores of challengers for a range."""
    return f"shadow-{number:05d}.parquet"


def ranges_of(path: Path) -> list[tuple[int, int]]:
    """First row and number of rows of each range of a table; one without rows has one, which is empty."""
    schema, rows = pq.read_schema(path), pq.read_metadata(path).num_rows
    size = group_rows(sum(_bytes(each.type) for each in schema))
    return [(first, min(size, rows - first)) for first in range(0, max(rows, 1), size)]


def score_rows(task: ScoreTask) -> tuple[RangeTotals, ...]:
    """Score a range with each model, write its part, and return what it adds up to, by model.

    Raises:
        ColumnMismatchError: A model reads columns that the features lack.
    """
    served = [_opened(model.folder, model.head) for model in task.models]
    table = _read(task, served)
    own, *others = [
        _decided(task, model, each, table)
        for model, each in zip(task.models, served, strict=True)
    ]
    _write_part(task, table, own)
    if others:
        _write_shadow(task, table, others)
    heads = [model.head for model in task.models]
    return tuple(
        totals_of(head, found, task.rows)
        for head, found in zip(heads, [own, *others], strict=True)
    )


def _write_part(task: ScoreTask, table: pa.Table, found: Decided) -> None:
    model, rows = task.models[0], task.rows
    columns: dict[str, Any] = {
        **keys_as_text(table, task.keys),
        **prediction_columns(model.head, found, rows),
        **decision_columns(found, rows, _reasons(task, table, found)),
        VERSION: pa.array(np.full(rows, model.version, np.int32)),
        DIGEST: constant(model.digest, rows),
        FEATURES: constant(task.features, rows),
    }
    _write(pa.table(columns), Path(task.out) / part_name(task.number))


def _write_shadow(task: ScoreTask, table: pa.Table, others: Sequence[Decided]) -> None:
    """The rows of each challenger in turn; of other heads than ``Binary`` the columns of each."""
    parts = [
        pa.table(
            {
                **keys_as_text(table, task.keys[:1]),
                VERSION: pa.array(np.full(task.rows, model.version, np.int32)),
                **prediction_columns(model.head, found, task.rows),
            }
        )
        for model, found in zip(task.models[1:], others, strict=True)
    ]
    whole = pa.concat_tables(parts, promote_options="default")
    _write(whole, Path(task.out) / shadow_name(task.number))


def _write(table: pa.Table, path: Path) -> None:
    table = table.replace_schema_metadata(None)
    options = write_options(table.schema)
    pq.write_table(table, path, row_group_size=GROUP_ROWS, **options)


def _decided(
    task: ScoreTask, model: UsedModel, served: ServedModel, table: pa.Table
) -> Decided:
    predictions: Predictions = {}
    if task.rows:
        # The graph's own process uses no GPU.
        dense = isinstance(served, DenseModel)
        xp: Any = importlib.import_module(task.array_module if dense else "numpy")
        columns = {n: column_values(xp, table[n], kind) for n, kind in served.kinds.items()}
        predictions = served.predict(columns, xp)
    elif isinstance(model.head, Binary):
        predictions = {"score": np.zeros(0, np.float32)}
    return decided(model.head, _decision(model.folder), predictions)


def _reasons(task: ScoreTask, table: pa.Table, found: Decided) -> pa.Array:
    """Reasons of the rows with a positive decision, by the model that scored them."""
    if found.decision is None or not task.reasons:
        return reasons_of_all(None, None, task.rows)
    from pipelines.shared.scoring.reasons import reason_codes

    model, positive = task.models[0], found.decision
    explainer, kinds = _explainer(model.folder), _opened(model.folder, model.head).kinds
    columns = {
        name: _chosen(column_values(np, table[name], kind), positive)
        for name, kind in kinds.items()
    }
    contributions = explainer.contributions(columns)
    codes = reason_codes(contributions, explainer.names, task.reasons)
    return reasons_of_all(positive, codes, task.rows)


def _chosen(values: Array | Words, rows: NDArray[np.bool_]) -> Array | Words:
    if isinstance(values, Words):
        return replace(values, code=values.code[rows])
    return values[rows]


def _read(task: ScoreTask, served: Sequence[ServedModel]) -> pa.Table:
    """The range's keys and what any of its models reads."""
    kinds: Mapping[str, str] = {n: kind for each in served for n, kind in each.kinds.items()}
    names = list(dict.fromkeys([*task.keys, *kinds]))
    texts = [name for name, kind in kinds.items() if kind == "text"]
    with pq.ParquetFile(
        task.path, read_dictionary=texts, page_checksum_verification=True
    ) as file:
        missing = [name for name in names if name not in file.schema_arrow.names]
        if missing:
            raise ColumnMismatchError("score", missing=missing, unexpected=())
        if not task.rows:
            return file.schema_arrow.empty_table().select(names)
        return table_rows(file, task.first, task.rows, names)


def _bytes(kind: pa.DataType) -> int:
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _bytes(kind.value_type)
    return kind.byte_width if pa.types.is_primitive(kind) else WIDE_BYTES


# Read once a process: weights and vocabularies are too large to send with each task.
@lru_cache(maxsize=8)
def _opened(folder: str, head: Head) -> ServedModel:
    return open_served(Path(folder), head)


@lru_cache(maxsize=8)
def _decision(folder: str) -> Decision:
    return read_decision(Path(folder))


@lru_cache(maxsize=1)
def _explainer(folder: str) -> "Explainer":
    from pipelines.shared.scoring.reasons import open_explainer

    return open_explainer(Path(folder))
