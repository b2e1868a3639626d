"""Mistakes in what a probability and a decision are made by: calibration, costs, threshold.

Why: a threshold that contradicts the costs, or costs for which every row is an alert, would decide wrongly without an
    error.
Promise: every mistake is listed, with its values and what to write instead.
Not here: the metrics of an evaluation (``evaluation.py``).
"""

from collections.abc import Iterator

from pipelines.spec.evaluation import Costs
from pipelines.spec.heads import COST, Binary
from pipelines.spec.pipeline import Pipeline

FITTED = ("platt", "isotonic")


def decision_problems(pipeline: Pipeline) -> Iterator[str]:
    """What no model of this head, or of this split, can have, and costs without sense."""
    yield from _calibration(pipeline)
    evaluation = pipeline.evaluation
    if not isinstance(pipeline.head, Binary):
        yield from _for_binary(pipeline)
        return
    if evaluation.threshold is not None:
        yield from _threshold(evaluation.threshold, evaluation.costs)
    if evaluation.costs is not None:
        yield from _costs(evaluation.costs)
    yield from _gates(pipeline)


def _calibration(pipeline: Pipeline) -> Iterator[str]:
    asked, split = pipeline.training.calibration, pipeline.split
    if asked not in FITTED:
        return
    if not isinstance(pipeline.head, Binary):
        yield (
            f"training.calibration={asked!r} is for a Binary head, not {type(pipeline.head).__name__}. "
            f"Omit it."
        )
    elif not (split.validation_days or split.validation_folds):
        yield (
            f"training.calibration={asked!r} needs rows that no gradient has seen. Declare "
            f"split.validation_days=1 or more, or omit it."
        )


def _for_binary(pipeline: Pipeline) -> Iterator[str]:
    for name in ("costs", "threshold"):
        if getattr(pipeline.evaluation, name) is not None:
            yield (
                f"evaluation.{name} is for a Binary head, whose rows are decided over, not "
                f"{type(pipeline.head).__name__}. Omit it."
            )


def _threshold(threshold: float, costs: Costs | None) -> Iterator[str]:
    if costs is not None:
        yield (
            f"evaluation: both costs and threshold={threshold!r} are declared. The costs say the threshold "
            f"themselves: omit one of the two."
        )
    if not 0 < threshold < 1:
        yield f"evaluation.threshold must be a probability above 0 and below 1; got {threshold!r}."


def _costs(costs: Costs) -> Iterator[str]:
    wrong = [*_amounts(costs)]
    yield from wrong
    if wrong:
        return
    if costs.threshold() <= 0:
        yield (
            "evaluation.costs: an alert costs nothing, so every row would be one. Declare false_alert, or "
            "investigator_day, above 0."
        )
    elif costs.threshold() >= 1:
        yield (
            f"evaluation.costs: an alert costs {costs.work():g} of work and a missed event {costs.missed:g}, so no row "
            f"would ever be an alert. Declare a higher missed, a lower investigator_day, or more "
            f"alerts_per_investigator."
        )


def _amounts(costs: Costs) -> Iterator[str]:
    where = "evaluation.costs"
    if costs.missed is not None and not costs.missed > 0:
        yield f"{where}.missed must be above 0; got {costs.missed!r}."
    for name in ("false_alert", "investigator_day"):
        if not getattr(costs, name) >= 0:
            yield f"{where}.{name} must be 0 or more; got {getattr(costs, name)!r}."
    if not costs.alerts_per_investigator >= 1:
        yield (
            f"{where}.alerts_per_investigator must be 1 or more; got {costs.alerts_per_investigator!r}."
        )


def _gates(pipeline: Pipeline) -> Iterator[str]:
    gates = pipeline.gates
    if COST in dict(gates.limits) and pipeline.evaluation.costs is None:
        yield (
            f"gates.limits: {COST!r} needs costs. Add evaluation.costs, such as Costs(missed=100.0, "
            f"investigator_day=400.0), or omit it."
        )
    if COST in dict(gates.max_subgroup_gap):
        yield (
            f"gates.max_subgroup_gap: {COST!r} grows with the number of rows, so groups of different sizes cannot be "
            f"compared by it. Use 'calibration_error' or 'average_precision'."
        )
