"""Golden rows: rows of the feature table, with the arrays that preprocessing made of them.

Why: a serving graph whose preprocessing differs from training's is silently wrong.
Promise: the same rows on both sides, the first with a label of the first training day.
Not here: writing and measuring (``export.py``, ``serving.py``).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.store import Manifest
from pipelines.operators.bfloat16 import widened
from pipelines.operators.program import FittedProgram
from pipelines.operators.state import read_program
from pipelines.shared.scoring.decision import Decision
from pipelines.shared.tables.known_days import part_as_of
from pipelines.shared.tables.labels import labelled
from pipelines.shared.tables.values import read_rows, served
from pipelines.shared.tables.window import FEATURES, features_version
from pipelines.stages.train.export import Export
from pipelines.stages.train.masked_rows import masked_inputs, masked_rows, taken
from pipelines.stages.train.serving import GOLDEN_ROWS, Columns, Prepared


def export_of(setup: Any, model: Any, decision: Decision | None = None) -> Export:
    """Everything that is written of a trained model."""
    work, folder = setup.work, setup.training_set
    fitted = read_program(folder)
    hidden = masked_inputs(work.pipeline)
    raw = golden_rows(work, setup.plan.made_from["training_set"], folder, fitted)
    raw = masked_rows(raw, hidden)
    return Export(
        model=model,
        head=work.pipeline.head,
        inputs=setup.inputs(),
        prepared=Prepared(fitted),
        rows={name: served(values) for name, values in raw.items()},
        arrays=_arrays(setup, fitted, raw, hidden),
        about={
            "pipeline": work.pipeline.name,
            "as_of": work.model_day,
            "seed": work.pipeline.training.seed,
        },
        decision=decision,
    )


def golden_rows(
    work: Any, training_set: Manifest, folder: Path, fitted: FittedProgram
) -> Columns:
    """The first rows of the first training day that have a label, as known when the model's day began.

    Raises:
        InputMissingError: The day's features are not in the store any more.
    """
    days = json.loads((folder / "index.json").read_text())["train"]
    entry = next(day for day in days if day["rows"])
    first, rows = entry["day"], entry["rows"]
    manifest = features_version(work, first, training_set.inputs[f"{FEATURES}/ds={first}"])
    table = work.store.open(manifest) / part_as_of(manifest, work.model_day)
    chosen = np.arange(min(rows, GOLDEN_ROWS))
    if work.pipeline.has_cohort:
        chosen = _positions(table, folder / entry["keys"], work.pipeline.table.id_column)
    elif work.pipeline.may_lack_label:
        chosen = np.flatnonzero(labelled(table, work.pipeline.label.column))[:GOLDEN_ROWS]
    columns = read_rows(np, table, 0, int(chosen[-1]) + 1, fitted.program.kinds)
    return {name: taken(values, chosen) for name, values in columns.items()}


def _arrays(setup: Any, fitted: FittedProgram, raw: Columns, hidden: frozenset[str]) -> Columns:
    """What preprocessing made of the rows: as training read it, but for columns that are masked since."""
    shards = setup.shards
    read = {n: widened(np, np.asarray(shards.days[0][n][:GOLDEN_ROWS])) for n in shards.inputs}
    return read | fitted.transform(np, raw) if hidden else read


def _positions(table: Path, keys: Path, row_id: str) -> NDArray[np.int64]:
    """Where the first rows of a training day are in its features, which have other rows as well."""
    found = pq.read_table(keys, columns=[row_id], use_threads=False)[row_id][:GOLDEN_ROWS]
    every = pq.read_table(table, columns=[row_id], use_threads=False)[row_id]
    return (
        pc.index_in(found.combine_chunks(), every.combine_chunks()).to_numpy().astype(np.int64)
    )
