"""Mistakes in the split, the type of inputs and the time zone.

Why: training labels that are not known when testing begins make a model look better than it is.
Promise: every mistake is listed, with its location and what to write instead.
Not here: training (``training.py``), evaluation and gates (``evaluation.py``), the network (``models.py``),
    the schedule (``pipelines/spec/schedules.py``).
"""

from collections.abc import Iterator, Mapping

from pipelines.core.declared import nearest
from pipelines.core.partitions import NOMINAL_DAYS
from pipelines.core.zones import zone_mistake
from pipelines.operators.bfloat16 import BFLOAT16
from pipelines.spec.checks.folds import fold_problems
from pipelines.spec.learning import BY_ENTITY, SPLITS
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.split import partitions_of_days

X_TYPES = ("float32", BFLOAT16)
# A century; more is a mistyped number, and would be counted day by day.
MOST_DAYS = 36_525
MOST_BUCKETS = 100_000


def split_problems(pipeline: Pipeline) -> Iterator[str]:
    """Days that are out of range, or let a label be used before it is known; folds that there are not."""
    split, settled = pipeline.split, pipeline.label.settled_days()
    if split.by not in SPLITS:
        yield f"split.by {split.by!r} is not known. {nearest(split.by, SPLITS)}"
    least_test = 0 if split.by == BY_ENTITY else 1
    yield from out_of_range({"split.train_days": split.train_days}, 1, MOST_DAYS)
    yield from out_of_range({"split.test_days": split.test_days}, least_test, MOST_DAYS)
    days = {f"split.{name}": getattr(split, name) for name in ("gap_days", "validation_days")}
    days |= {
        "features: the look-back in days": pipeline.longest_look_back_days(),
        "label: days": settled,
    }
    yield from out_of_range(days, 0, MOST_DAYS)
    yield from fold_problems(pipeline)
    if split.by != BY_ENTITY:
        yield from _days_apart(pipeline)


def _days_apart(pipeline: Pipeline) -> Iterator[str]:
    """Training and test days that are not apart, or leave nothing to train on."""
    split, settled = pipeline.split, pipeline.label.settled_days()
    if split.gap_days < settled:
        yield (
            f"split.gap_days={split.gap_days}: training labels are known only {settled} days later"
            f"{_of_what(pipeline)}. Use at least that many."
        )
    if not 0 <= split.validation_days < split.train_days:
        yield (
            f"split.validation_days={split.validation_days} must leave some of the "
            f"{split.train_days} training days to train on."
        )
    elif pipeline.table.grain in NOMINAL_DAYS:
        yield from _validation_partitions(pipeline)


def _validation_partitions(pipeline: Pipeline) -> Iterator[str]:
    split, grain = pipeline.split, pipeline.table.grain
    days = (split.validation_days, split.train_days)
    validation, train = (partitions_of_days(grain, each) for each in days)
    if validation >= train:
        yield (
            f"split.validation_days={split.validation_days} and split.train_days="
            f"{split.train_days} are {validation} and {train} partitions of a {grain}, which "
            f"leaves none to train on. Raise split.train_days, or set validation_days to 0."
        )


def x_type_problems(pipeline: Pipeline) -> Iterator[str]:
    """An unknown type of inputs, and a number of buckets out of range."""
    yield from out_of_range({"buckets": pipeline.buckets}, 1, MOST_BUCKETS)
    if pipeline.x_type not in X_TYPES:
        yield f"x_type {pipeline.x_type!r} is not known. {nearest(pipeline.x_type, X_TYPES)}"


def zone_problems(pipeline: Pipeline) -> Iterator[str]:
    """An unknown time zone."""
    wrong = zone_mistake(pipeline.time_zone)
    if wrong:
        yield f"time_zone {wrong}"


def _of_what(pipeline: Pipeline) -> str:
    horizon = getattr(pipeline.label, "horizon_days", None)
    if horizon is None:
        return ""
    return f" (label.horizon_days={horizon} and known_after_days={pipeline.label.known_after_days})"


def out_of_range(
    values: Mapping[str, int], least: int, most: int | None = None
) -> Iterator[str]:
    """The values that are below the least or above the most."""
    for name, value in values.items():
        if value < least:
            bound = "above 0" if least == 1 else f"{least:,} or more"
            yield f"{name} must be {bound}; got {value!r}."
        elif most is not None and value > most:
            yield f"{name} must be at most {most:,}; got {value!r}."
