"""Judging a model whose head is not ``Binary``: amounts, classes, grades and times.

Why: the verdict needs the head's own metrics, with intervals, and the champion on the same rows.
Promise: every test row counts (only an event can make an entity known).
Not here: events (``judging.py``), the metrics (``head_metrics.py``), what every head's judgement
    shares (``judgement.py``).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import TrainingError
from pipelines.core.store import Manifest
from pipelines.protocol import VALIDATED, Work, stage_of
from pipelines.stages.evaluate.graph import open_graph
from pipelines.stages.evaluate.head_metrics import HeadJudgeable, judgeable
from pipelines.stages.evaluate.judgement import (
    Champion,
    facts_of,
    numbers_of,
    rival_of,
    write_judgement,
)
from pipelines.stages.evaluate.raw import raw_columns
from pipelines.stages.evaluate.rows import read_inputs


def judge_head(
    work: Work, training_set: Manifest, model: Manifest, champion: Champion | None, out: Path
) -> dict[str, Any]:
    """Judge a model, write ``metrics.json`` and ``scores.parquet``.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        TrainingError: The training set has no test rows.
    """
    folder = work.store.open(training_set)
    entries = json.loads((folder / "index.json").read_text())["test"]
    if not entries:
        raise TrainingError(
            f"{work.report.work}: the training set has no test rows. Widen split.test_days, or look "
            f"at what {stage_of(VALIDATED).name} refused."
        )
    y = np.concatenate([np.load(folder / e["y"]) for e in entries]).astype(np.float64)
    keys = pa.concat_tables(
        [pq.read_table(folder / e["keys"], use_threads=False) for e in entries]
    )
    entity = keys[work.pipeline.entity(work.pipeline.evaluation.alert_entity).column].to_numpy()
    told = open_graph(work.store.open(model)).of_arrays(read_inputs(folder, entries))
    own = judgeable(work.pipeline.head, y, told, entity)

    def measured(theirs: Path) -> HeadJudgeable:
        graph = open_graph(theirs)
        columns = raw_columns(work, training_set, [e["day"] for e in entries], graph.columns)
        served = _matrices(graph.of_rows(columns))
        return judgeable(work.pipeline.head, y, served, entity)

    judged = facts_of(work, model, len(y))
    judged |= numbers_of(work, own, rival_of(champion, measured, work))
    write_judgement(out, judged, keys, _columns(y, told))
    return judged


def _matrices(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Columns ``name_0``, ``name_1``, ... as one matrix again."""
    found: dict[str, NDArray[Any]] = {n: v for n, v in columns.items() if n == "score"}
    for name in {n.rpartition("_")[0] for n in columns if n != "score"}:
        width = sum(n.rpartition("_")[0] == name for n in columns)
        found[name] = np.stack([columns[f"{name}_{n}"] for n in range(width)], axis=1)
    return found


def _columns(y: NDArray[np.float64], told: Mapping[str, NDArray[Any]]) -> dict[str, pa.Array]:
    found = {"label": pa.array(y)}
    for name, values in sorted(told.items()):
        found[name] = pa.array(values) if values.ndim == 1 else pa.array(list(values))
    return found
