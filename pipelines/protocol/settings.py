"""The settings that a training set, a model and an evaluation depend on, as their manifests have them.

Why: the stage that makes a result and the stages that read it must agree on which settings it
    was made with.
Promise: plain values; nothing is read.
"""

from dataclasses import asdict
from typing import Any

from pipelines.protocol.work import Work
from pipelines.spec import (
    PARTS,
    Binary,
    Label,
    Outcome,
    Pipeline,
    head_settings,
    model_settings,
)

DIVIDING = ("by", "entity", "folds", "fold", "fold_seed", "validation_folds")
# Settings that change when state is kept, not what comes out.
KEEPING = ("checkpoint_every_s", "checkpoint_every_steps", "keep_checkpoints")


def training_set_settings(work: Work) -> dict[str, Any]:
    """What ``preprocess`` depends on beside the features."""
    days, program = work.days(), work.pipeline.program()
    return {
        "days": {part: list(getattr(days, part)) for part in PARTS},
        "model_inputs": {line.outputs()[0]: line.expression() for line in program.lines},
        "features": list(work.pipeline.feature_names()),
        "keys": list(key_columns(work.pipeline)),
        "label": label_column(work.pipeline),
        "x_type": program.x_type,
        **({"drawn": cohort_settings(work)} if work.pipeline.has_cohort else {}),
    }


def cohort_settings(work: Work) -> dict[str, Any]:
    """What ``cohort`` depends on beside the features and the events."""
    pipeline, split, days = work.pipeline, work.pipeline.split, work.days()
    gate, entities = pipeline.validation.window, cohort_entities(pipeline)
    return {
        "label": {"kind": type(pipeline.label).__name__.lower(), **asdict(pipeline.label)},
        "split": {name: getattr(split, name) for name in DIVIDING},
        "days": {part: list(getattr(days, part)) for part in (*PARTS, "validation")},
        "head": head_settings(pipeline.head),
        "entities": {name: list(pipeline.entity(name).columns()) for name in entities},
        "label_rate": [gate.min_label_rate, gate.max_label_rate],
    }


def cohort_entities(pipeline: Pipeline) -> tuple[str, ...]:
    """The entities that a cohort is drawn by: that of the outcome, and that of the split."""
    label, split = pipeline.label, pipeline.split
    of_label = label.entity if isinstance(label, Outcome) else None
    return tuple(dict.fromkeys(name for name in (of_label, split.entity) if name))


def trained_settings(work: Work) -> dict[str, Any]:
    """What ``train`` depends on beside the training set."""
    training = {k: v for k, v in asdict(work.pipeline.training).items() if k not in KEEPING}
    return {
        "model": model_settings(work.pipeline.model),
        "head": head_settings(work.pipeline.head),
        "training": training,
        "validation": {"days": list(work.days().validation)},
        **decision_settings(work.pipeline),
    }


def decision_settings(pipeline: Pipeline) -> dict[str, Any]:
    """What a model's calibration and threshold depend on beside its training; nothing without decisions."""
    evaluation, split = pipeline.evaluation, pipeline.split
    if not isinstance(pipeline.head, Binary):
        return {}
    found: dict[str, Any] = {"threshold": evaluation.threshold}
    if evaluation.costs is not None:
        found["costs"] = asdict(evaluation.costs)
    if split.validation_days or split.validation_folds:
        found["entity"] = evaluation.alert_entity
        if evaluation.costs is None and evaluation.threshold is None:
            found["alerts_per_day"] = evaluation.alerts_per_day
    return {"decision": found}


def evaluation_settings(work: Work) -> dict[str, Any]:
    """What ``evaluate`` depends on beside the rows, the model and its opponent."""
    return {
        "evaluation": asdict(work.pipeline.evaluation),
        "gates": asdict(work.pipeline.gates),
        "head": head_settings(work.pipeline.head),
        "known_after_days": work.pipeline.label.settled_days(),
        "seed": work.pipeline.training.seed,
    }


def key_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """Columns that name a row."""
    entities = (entity.key for entity in pipeline.entities)
    return tuple(
        dict.fromkeys((pipeline.table.id_column, pipeline.table.time_column, *entities))
    )


def label_column(pipeline: Pipeline) -> str | None:
    """Column of the label among the features; None where it is an event of another table."""
    return pipeline.label.column if isinstance(pipeline.label, Label) else None
