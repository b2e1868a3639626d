"""Judging a model of an event: scores, ranking, calibration, the champion's scores.

Why: the verdict, the table and every plot must come from the same scores.
Promise: rows of entities that were known already are scored and not counted.
Not here: what every head's judgement shares (``judgement.py``), the page (``from_files.py``).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.core.days import parse_day
from pipelines.core.errors import TrainingError
from pipelines.core.store import Manifest
from pipelines.operators.state import PROGRAM, read_program
from pipelines.protocol import Work
from pipelines.stages.evaluate.bootstrap import Judgeable
from pipelines.stages.evaluate.judgement import (
    CHAMPION_SCORE,
    Champion,
    facts_of,
    numbers_of,
    rival_of,
    write_judgement,
)
from pipelines.stages.evaluate.metrics import calibration, entity_days, ranking
from pipelines.stages.evaluate.rows import TestRows, open_test_rows
from pipelines.stages.evaluate.scoring import is_plain, open_scorer


def judge_model(
    work: Work, training_set: Manifest, model: Manifest, champion: Champion | None, out: Path
) -> dict[str, Any]:
    """Judge a model, write ``metrics.json`` and ``scores.parquet``.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        TrainingError: The rows that count hold one class only.
    """
    evaluation = work.pipeline.evaluation
    folder = work.store.open(training_set)
    column = work.pipeline.entity(evaluation.alert_entity).column
    rows = open_test_rows(folder, column, work.pipeline.label.known_after_days)
    _require_two_classes(work, rows)
    scores = _scored(work.store.open(model), rows)
    own = _judgeable(rows, scores, evaluation.alerts_per_day)

    beside: dict[str, pa.Array] = {}

    def measured(theirs: Path) -> Judgeable:
        told = _rival_scores(work, training_set, theirs, rows)
        beside[CHAMPION_SCORE] = pa.array(told)
        return _judgeable(rows, told, evaluation.alerts_per_day)

    rival = rival_of(champion, measured, work)
    judged = facts_of(work, model, int(rows.counted.sum())) | _facts(work, folder, rows, scores)
    judged |= numbers_of(work, own, rival)
    keys = rows.keys.drop_columns([work.pipeline.table.event_time])
    write_judgement(out, judged, keys, _columns(work, rows, scores) | beside)
    return judged


def _scored(model: Path, rows: TestRows) -> NDArray[np.float32]:
    """Scores of the test rows, in plain NumPy where that can be."""
    if is_plain(model):
        return open_scorer(model).score(rows.inputs["x"])
    from pipelines.stages.evaluate.graph import open_graph

    scores: NDArray[np.float32] = open_graph(model).of_arrays(rows.inputs)["score"]
    return scores


def _require_two_classes(work: Work, rows: TestRows) -> None:
    counted, events = int(rows.counted.sum()), int(rows.y[rows.counted].sum())
    if events in {0, counted}:
        raise TrainingError(
            f"{work.report.work}: {events} of the {counted} test rows that count have label 1. "
            f"Both classes are needed to judge a model: widen split.test_days."
        )


def _judgeable(rows: TestRows, scores: NDArray[np.float32], k: int) -> Judgeable:
    here = rows.counted
    y, entity, scores = rows.y[here], rows.entity[here], scores[here]
    _, place = np.unique(entity, return_inverse=True)
    return Judgeable(
        ranking(y, scores), entity_days(rows.day[here], entity, y, scores), place, k
    )


def _rival_scores(
    work: Work, training_set: Manifest, champion: Path, rows: TestRows
) -> NDArray[np.float32]:
    """The champion's scores of the same rows, prepared by its own fitted program."""
    from pipelines.stages.evaluate.raw import raw_columns

    days = list(rows.days)
    if is_plain(champion) and (champion / PROGRAM).exists():
        fitted = read_program(champion)
        columns = raw_columns(work, training_set, days, fitted.program.kinds)
        return open_scorer(champion).score(fitted.transform(np, columns)["x"])
    from pipelines.stages.evaluate.graph import open_graph

    graph = open_graph(champion)
    columns = raw_columns(work, training_set, days, graph.columns)
    scores: NDArray[np.float32] = graph.of_rows(columns)["score"]
    return scores


def _facts(
    work: Work, folder: Path, rows: TestRows, scores: NDArray[np.float32]
) -> dict[str, Any]:
    state, here = json.loads((folder / "state.json").read_text()), rows.counted
    return {
        "features": state["features"],
        "training_rows": state["rows"],
        "training_positives": state["positives"],
        "positives": int(rows.y[here].sum()),
        "removed": int((~here).sum()),
        "alerts_per_day": work.pipeline.evaluation.alerts_per_day,
        "calibration": calibration(rows.y[here], scores[here]),
    }


def _columns(work: Work, rows: TestRows, scores: NDArray[np.float32]) -> dict[str, pa.Array]:
    """Of every test row; ``counted`` tells those that the metrics are made from."""
    names = {parse_day(day).toordinal(): day for day in work.days().test}
    return {
        "day": pa.array([names[int(n)] for n in rows.day], pa.string()),
        "label": pa.array(rows.y.astype(np.int64)),
        "score": pa.array(scores),
        "counted": pa.array(rows.counted),
    }
