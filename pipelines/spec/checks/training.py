"""Mistakes in the declared settings of training.

Why: an invalid setting is refused before anything runs, and a search over it before its first trial.
Promise: every mistake is listed, with its value and what to write instead.
Not here: the network and the head (``models.py``), searches (``search.py``).
"""

from collections.abc import Iterator

from pipelines.core.declared import nearest
from pipelines.spec.heads import CLASSES, GRADES, Binary, Head, metrics_of
from pipelines.spec.learning import Training
from pipelines.spec.pipeline import Pipeline

TRAINING_ABOVE_0 = (
    "epochs",
    "global_batch_rows",
    "micro_batches",
    "pool_mb",
    "learning_rate",
    "base_batch_rows",
    "step_epochs",
    "checkpoint_every_s",
    "keep_checkpoints",
    "threads",
)
TRAINING_FROM_0 = (
    "final_rate_share",
    "step_factor",
    "warmup_epochs",
    "momentum",
    "weight_decay",
    "embedding_learning_rate",
    "clip_norm",
    "focal_gamma",
    "patience",
    "time_limit_s",
    "checkpoint_every_steps",
    "replicas",
    "min_rows",
)
TRAINING_AT_MOST = {"momentum": 1, "threads": 1024, "pool_mb": 1 << 20, "replicas": 4096}
SEEDS = 1 << 32
TRAINING_CHOICES = {
    "rate_scaling": ("none", "linear", "sqrt"),
    "schedule": ("constant", "cosine", "linear", "step"),
    "optimizer": ("sgd", "momentum", "adam", "adamw", "lion", "adagrad"),
    "embedding_optimizer": ("", "sgd", "adagrad", "row_adam"),
    "precision": ("float32", "bfloat16", "float16"),
    "watch": ("loss", "auc", "average_precision"),
    "calibration": ("auto", "none", "platt", "isotonic"),
}


def training_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the settings of training, by themselves and for the head."""
    training = pipeline.training
    yield from _out_of_range(training)
    for name, known in TRAINING_CHOICES.items():
        if getattr(training, name) not in known:
            value = getattr(training, name)
            yield f"training.{name} {value!r} is not known. {nearest(value, known)}"
    yield from _weighing(pipeline)
    yield from _by_head(pipeline)


def _out_of_range(training: Training) -> Iterator[str]:
    for name in TRAINING_ABOVE_0:
        if not getattr(training, name) > 0:
            yield f"training.{name} must be above 0; got {getattr(training, name)!r}."
    for name in TRAINING_FROM_0:
        if not getattr(training, name) >= 0:
            yield f"training.{name} must be 0 or more; got {getattr(training, name)!r}."
    for name, most in TRAINING_AT_MOST.items():
        if getattr(training, name) > most:
            yield f"training.{name} must be at most {most:,}; got {getattr(training, name)!r}."
    if not 0 <= training.seed < SEEDS:
        yield f"training.seed must be from 0 to {SEEDS - 1}; got {training.seed!r}."


def _weighing(pipeline: Pipeline) -> Iterator[str]:
    training = pipeline.training
    if any(not weight >= 0 for weight in training.class_weights):
        yield f"training.class_weights must be 0 or more; got {training.class_weights!r}."
    validates = pipeline.split.validation_days or pipeline.split.validation_folds
    if training.patience and not validates:
        yield (
            f"training.patience={training.patience} needs days to validate an epoch on. Declare "
            f"split.validation_days=1 or more."
        )
    if training.keep_best and not validates:
        yield (
            "training.keep_best=true needs days to choose an epoch by. Declare "
            "split.validation_days=1 or more, or omit it: then the last epoch is kept."
        )


def _by_head(pipeline: Pipeline) -> Iterator[str]:
    """Settings of training that apply to some heads alone."""
    training, kind = pipeline.training, type(pipeline.head).__name__
    if not isinstance(pipeline.head, Binary):
        if training.focal_gamma:
            yield (
                f"training.focal_gamma={training.focal_gamma!r} is for a Binary head, not {kind}. "
                f"Leave it at 0."
            )
        if training.watch in metrics_of(Binary()):
            yield (
                f"training.watch {training.watch!r} is for a Binary head; an epoch of {kind} is "
                f"evaluated by its loss. Use 'loss'."
            )
    yield from _class_weights(pipeline.head, training.class_weights)


def _class_weights(head: Head, weights: tuple[float, ...]) -> Iterator[str]:
    if not weights:
        return
    if head.labels not in (CLASSES, GRADES):
        yield (
            f"training.class_weights={weights!r} needs labels that are classes; those of "
            f"{type(head).__name__} are not. Leave it empty."
        )
        return
    classes = head.n_classes()
    if classes is not None and len(weights) != classes:
        yield (
            f"training.class_weights has {len(weights)} values; {type(head).__name__} has "
            f"{classes} classes. Give one for each class, starting with label 0, or none."
        )
