"""Mistakes in a split that divides entities.

Why: a split by an entity that the examples do not have, or a fold beyond the last, would test on nobody.
Promise: every mistake is listed, with its location and what to write instead.
Not here: days (``learning.py``), dividing them (``pipelines/stages/cohort/``).
"""

from collections.abc import Iterator

from pipelines.core.declared import nearest, unknown
from pipelines.spec.learning import BY_BOTH, BY_ENTITY, BY_TIME, Split
from pipelines.spec.pipeline import Pipeline

FEWEST, MOST_FOLDS = 2, 1000
PLAIN = Split(train_days=1, gap_days=0, test_days=1)


def fold_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in what is divided, and into how many folds."""
    split = pipeline.split
    if split.by == BY_TIME:
        yield from _by_time(split)
    elif split.by in (BY_ENTITY, BY_BOTH):
        yield from _entity(pipeline)
        yield from _folds(split)
        yield from _by_entity(split) if split.by == BY_ENTITY else _by_both(pipeline)


def _by_time(split: Split) -> Iterator[str]:
    for name in ("entity", "folds", "fold", "fold_seed", "validation_folds"):
        if getattr(split, name) != getattr(PLAIN, name):
            yield (
                f"split.{name}={getattr(split, name)!r} is for entities that are divided, and "
                f"split.by='time' divides none. Leave it out, or use split.by='entity' or 'both'."
            )


def _entity(pipeline: Pipeline) -> Iterator[str]:
    split, names = pipeline.split, [entity.name for entity in pipeline.entities]
    if split.entity is None:
        yield (
            f"split.entity is missing: split.by={split.by!r} divides the members of an entity. "
            f"{nearest('', names)}"
        )
    yield from unknown("split: entity", split.entity, names)
    columns = {*pipeline.table.column_names()}
    for entity in pipeline.entities:
        if entity.name == split.entity and not {*entity.columns()} <= columns:
            yield (
                f"split: entity {entity.name!r} is none of the examples: table {pipeline.examples} has no "
                f"column {', '.join(sorted({*entity.columns()} - columns))}."
            )


def _folds(split: Split) -> Iterator[str]:
    if not FEWEST <= split.folds <= MOST_FOLDS:
        yield f"split.folds must be from {FEWEST} to {MOST_FOLDS:,}; got {split.folds!r}."
    elif not 0 <= split.fold < split.folds:
        yield (
            f"split.fold={split.fold} is none of the {split.folds} folds. Use 0 to {split.folds - 1}."
        )

    if split.fold_seed < 0:
        yield f"split.fold_seed must be 0 or more; got {split.fold_seed!r}."


def _by_entity(split: Split) -> Iterator[str]:
    for name in ("gap_days", "test_days", "validation_days"):
        if getattr(split, name) > 0:
            yield (
                f"split.{name}={getattr(split, name)}: with split.by='entity' every training day is tested "
                f"as well, on other entities. Use 0"
                f"{', and split.validation_folds' if name == 'validation_days' else ''}."
            )
    if not 0 <= split.validation_folds <= split.folds - FEWEST and split.folds >= FEWEST:
        yield (
            f"split.validation_folds={split.validation_folds} of {split.folds} folds, one of which is "
            f"tested, must leave one or more to train on. Use 0 to {split.folds - FEWEST}."
        )


def _by_both(pipeline: Pipeline) -> Iterator[str]:
    split = pipeline.split
    if split.validation_folds:
        yield (
            f"split.validation_folds={split.validation_folds} is for split.by='entity'. With 'both' the last "
            f"training days validate an epoch: use split.validation_days."
        )
    if pipeline.evaluation.exclude_known:
        yield (
            "evaluation.exclude_known needs the earlier labels of the tested entities, and with "
            "split.by='both' they are left out. Leave it out, or split by 'time' or 'entity'."
        )
