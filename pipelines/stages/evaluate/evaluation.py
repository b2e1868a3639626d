"""The one way a model is evaluated, whatever its head: score, measure, compare, record.

Why: a verdict over an amount must rest on the same rows, resamples and record as one over an event.
Promise: the same inputs give the same bytes of ``metrics.json`` and ``scores.parquet``.
Not here: what a head says of its own (``heads/``), the champion (``comparison.py``), the page
    (``model_card.py``).
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.errors import TrainingError
from pipelines.core.store import Manifest
from pipelines.protocol import Work
from pipelines.shared.metrics.bootstrap import Measured, Sampled
from pipelines.shared.tables import UNLABELLED
from pipelines.spec.split import TEST
from pipelines.stages.evaluate.baselines import baselines_of
from pipelines.stages.evaluate.comparison import (
    Champion,
    MeasuredBaseline,
    MeasuredChampion,
    compare,
    copies_of_entities,
    measure_champion,
)
from pipelines.stages.evaluate.decisions import decision_facts
from pipelines.stages.evaluate.explanation import explanation_facts
from pipelines.stages.evaluate.fairness import fairness_facts
from pipelines.stages.evaluate.group_measures import measured_groups
from pipelines.stages.evaluate.heads import evaluation_of
from pipelines.stages.evaluate.heads.protocol import (
    HeadEvaluation,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.participants import participant_flow
from pipelines.stages.evaluate.raw import raw_columns
from pipelines.stages.evaluate.reporting import is_reported, predictor_table, report_items
from pipelines.stages.evaluate.rows import TestRows, alert_columns, open_test_rows
from pipelines.stages.evaluate.scores import write_scores

METRICS = "metrics.json"


def evaluate_model(
    work: Work, training_set: Manifest, model: Manifest, champion: Champion | None, out: Path
) -> dict[str, Any]:
    """Evaluate a model, write ``metrics.json`` and ``scores.parquet``.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        TrainingError: There are no test rows, or the head cannot be evaluated on them.
        ArtifactError: The champion's files are damaged.
    """
    pipeline, head = work.pipeline, evaluation_of(work.pipeline.head)
    folder = work.store.open(training_set)
    rows = _rows(work, head, folder)
    _require_labels(rows, work.report.work)
    yardstick = Yardstick(pipeline.evaluation, folder)
    head.require(rows, yardstick, work.report.work)
    folder_of_model = work.store.open(model)
    predictions = head.predict(folder_of_model, rows.inputs)
    read_raw = partial(raw_columns, work, training_set)

    def measure(theirs: Path) -> tuple[Predictions, Measured]:
        served = head.predict_served(theirs, partial(read_raw, TEST))
        return served, head.measured(rows, served, yardstick)

    own = head.measured(rows, predictions, yardstick)
    rival = measure_champion(champion, measure, work)
    evaluated = _facts(work, model, rows)
    evaluated |= head.facts(rows, predictions, yardstick)
    theirs = _folder_of(work, champion, rival)
    evaluated |= decision_facts(pipeline, folder_of_model, rows, predictions, theirs)
    copies = copies_of_entities(work, own)
    read, served = partial(read_raw, TEST), None if rival is None else rival.predictions
    groups = measured_groups(pipeline, head, rows, predictions, yardstick, read, copies, served)
    baselines = [
        MeasuredBaseline(
            each, Sampled.of(head.measured(rows, each.predictions, yardstick), copies)
        )
        for each in baselines_of(pipeline, rows, yardstick, read_raw)
    ]
    evaluated |= compare(work, own, rival, groups.declared, baselines, groups.found)
    evaluated |= groups.facts(pipeline, rows)
    threshold = evaluated.get("decision", {}).get("threshold")
    evaluated |= fairness_facts(pipeline, head, rows, predictions, read, copies, threshold)
    evaluated |= explanation_facts(
        pipeline, head, folder_of_model, rows, predictions, yardstick
    )
    if is_reported(pipeline):
        evaluated["report"] = {
            "items": report_items(work, rows, yardstick, evaluated),
            "predictors": predictor_table(pipeline, read_raw),
            "flow": participant_flow(work, training_set),
        }
    (out / METRICS).write_text(json.dumps(evaluated, indent=1) + "\n")
    write_scores(head.scores(rows, predictions, served, pipeline), out)
    return evaluated


def _folder_of(
    work: Work, champion: Champion | None, rival: MeasuredChampion | None
) -> Path | None:
    """Where the champion is that was measured."""
    if champion is None or champion.model is None or rival is None or rival.measured is None:
        return None
    return work.store.open(champion.model)


def _rows(work: Work, head: HeadEvaluation, training_set: Path) -> TestRows:
    pipeline = work.pipeline
    leaves_out = head.leaves_out_known and pipeline.evaluation.exclude_known
    known_after_days = pipeline.label.settled_days() if leaves_out else None
    return open_test_rows(training_set, alert_columns(pipeline), known_after_days)


def _require_labels(rows: TestRows, work: str) -> None:
    if not rows.labelled.any():
        raise TrainingError(
            f"{work}: none of the {len(rows.labels):,} test rows has a label, so nothing can be "
            f"evaluated. Check the label column and label.known_after_days, or widen split.test_days."
        )


def _facts(work: Work, model: Manifest, rows: TestRows) -> dict[str, Any]:
    """What was evaluated: whose model, made of what, on how many rows."""
    days, evaluation = work.days(), work.pipeline.evaluation
    without = int(np.count_nonzero(~rows.labelled))
    words = {str(value): word for value, word in work.pipeline.class_words().items()}
    return {
        "pipeline": work.pipeline.name,
        "as_of": work.model_day,
        "seed": work.pipeline.training.seed,
        "train_days": list(days.train),
        "test_days": list(days.test),
        "rows": int(rows.counted.sum()),
        **({UNLABELLED: without} if work.pipeline.may_lack_label else {}),
        **({"classes": words} if words else {}),
        "alert_entity": evaluation.alert_entity,
        "bootstrap_samples": evaluation.bootstrap_samples,
        "settings": dict(model.config),
        "model_digest": model.digest,
    }
