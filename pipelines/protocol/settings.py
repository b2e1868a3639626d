"""The settings that a training set, a model and an evaluation depend on, as their manifests have them.

Why: the stage that makes a result and the stages that read it must agree on which settings it
    was made with.
Promise: plain values; nothing is read.
"""

from dataclasses import asdict
from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.protocol.catalog import giver_of
from pipelines.protocol.work import Work
from pipelines.spec import PARTS, Label, Pipeline, head_settings, model_settings

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
    }


def trained_settings(work: Work) -> dict[str, Any]:
    """What ``train`` depends on beside the training set."""
    training = {k: v for k, v in asdict(work.pipeline.training).items() if k not in KEEPING}
    return {
        "model": model_settings(work.pipeline.model),
        "head": head_settings(work.pipeline.head),
        "training": training,
        "validation": {"days": list(work.days().validation)},
    }


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


def label_column(pipeline: Pipeline) -> str:
    """Column of the label.

    Raises:
        ConfigError: The label is an event of another table.
    """
    if isinstance(pipeline.label, Label):
        return pipeline.label.column
    raise ConfigError(
        f"{pipeline.name}: the label is an event in table {pipeline.label.table!r}, which is not a column "
        f"of the features. {giver_of('training_set').name} needs a Label(column, known_after_days)."
    )
