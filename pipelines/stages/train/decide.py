"""The decision of a trained model: its calibration and its threshold, from the validation rows.

Why: a score by itself says neither how likely an event is nor what to do.
Promise: the same weights and rows give the same bytes; a model without validation rows has its score as its
    probability, and a threshold only where costs or the declaration say one.
Not here: fitting (``calibrate.py``), thresholds (``thresholds.py``).
"""

from pathlib import Path
from typing import Any

from pipelines.protocol import Work
from pipelines.shared.scoring.decision import Decision
from pipelines.spec import Binary
from pipelines.stages.train.calibrate import ChosenCalibration, chosen_calibration
from pipelines.stages.train.export import plain_copy
from pipelines.stages.train.held_out_rows import HeldOutRows
from pipelines.stages.train.held_out_scores import held_out_rows
from pipelines.stages.train.shards import Shards
from pipelines.stages.train.thresholds import threshold_of


def decision_of(
    work: Work, training_set: Path, held_out: Shards | None, model: Any
) -> Decision | None:
    """Fit a trained model's decision; None for a head whose rows are not decided over.

    Args:
        work: The work.
        training_set: Its folder.
        held_out: The validation rows; None where there are none.
        model: Trained Keras model, in any strategy.
    """
    pipeline = work.pipeline
    if not isinstance(pipeline.head, Binary):
        return None
    rows = None
    if held_out is not None:
        plain = plain_copy(model)
        rows = held_out_rows(pipeline, training_set, work.days(), held_out, plain)
    chosen = _calibration(rows, pipeline.training.calibration)
    probability = None if rows is None else chosen.calibration.probability(rows.score)
    threshold, source = threshold_of(pipeline.evaluation, rows, probability)
    work.report.log(f"calibration {chosen.calibration.kind}: {chosen.reason}")
    work.report.log(_said(threshold, source))
    return Decision(chosen.calibration, threshold, source, chosen.reason)


def _calibration(rows: HeldOutRows | None, asked: str) -> ChosenCalibration:
    if rows is not None:
        return chosen_calibration(rows, asked)
    reason = "There are no validation rows to fit one to: declare split.validation_days for it."
    return ChosenCalibration(Decision().calibration, reason)


def _said(threshold: float | None, source: str) -> str:
    if threshold is None:
        return (
            "threshold none: rows are not decided over. Declare evaluation.costs, evaluation.threshold, or "
            "split.validation_days"
        )
    return f"threshold {threshold:.6g}, from {source}"
