"""The training partitions and the test partitions of a model as of a day.

Why: a model may use only what was known by its as-of day, labels included.
Promise: every label of a training partition was known before the first test partition began, and
    every label of a test partition is known at the as-of day.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pipelines.core.days import parse_day, shift
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import DAY, NOMINAL_DAYS, Partitions
from pipelines.spec.pipeline import Pipeline

TRAIN, GAP, TEST = PARTS = ("train", "gap", "test")
"""Parts of a model's days, as published indexes name them."""


@dataclass(frozen=True, slots=True)
class ModelDays:
    """The partitions of the examples' table that one model is made from: days, unless its grain says else.

    Attributes:
        train: Training partitions, oldest first, those of validation included.
        validation: The last of the training partitions, which choose the epoch to keep.
        gap: Partitions between, whose labels are used only to exclude entities known as positive.
        test: Test partitions, oldest first.
    """

    train: tuple[str, ...]
    gap: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()

    def all(self) -> tuple[str, ...]:
        """Every partition, oldest first."""
        return self.train + self.gap + self.test


def partitions_of_days(grain: str, days: int) -> int:
    """How many partitions a number of days is: the nearest number, 1 at least; 0 for 0 days."""
    return max(1, round(days / NOMINAL_DAYS[grain])) if days else 0


def model_days(pipeline: Pipeline, as_of: str) -> ModelDays:
    """The partitions of a model as of the start of a day.

    A label is known for all rows of a partition ``label.settled_days()`` after its end, so the last test
    partition is the last that is over so many days before the as-of day. The gap is the fewest
    partitions that are ``gap_days`` or longer.

    Raises:
        ConfigError: They are outside the calendar.
    """
    split, partitions = pipeline.split, pipeline.partitions()
    numbers = {
        name: partitions_of_days(partitions.grain, days)
        for name, days in (
            (TRAIN, split.train_days),
            ("validation", split.validation_days),
            (TEST, split.test_days),
        )
    }
    try:
        known_by = shift(as_of, -pipeline.label.settled_days())
        last_test = partitions.closed_by(Partitions(DAY, partitions.zone).start(known_by))
        first_test = partitions.shift(last_test, 1 - numbers[TEST])
        gap_from = _days_before(partitions.start(first_test), split.gap_days, partitions.zone)
        last_train = partitions.closed_by(gap_from)
        first_train = partitions.shift(last_train, 1 - numbers[TRAIN])
        first_gap = partitions.shift(last_train, 1)
    except OverflowError as error:
        raise ConfigError(
            f"The split of a model as of {as_of} reaches beyond the calendar. Choose another day, "
            f"or settings that span fewer days."
        ) from error
    train = tuple(partitions.between(first_train, last_train))
    return ModelDays(
        train=train,
        gap=tuple(partitions.between(first_gap, partitions.shift(first_test, -1))),
        test=tuple(partitions.between(first_test, last_test)),
        validation=train[len(train) - numbers["validation"] :],
    )


def search_day(pipeline: Pipeline, as_of: str) -> str:
    """The as-of day of a search for the settings of a model.

    It is the day on which that model's test begins: the search uses the labels that were known
    then, and no test row. Its own test days are about the validation days.
    """
    return pipeline.partitions().first_day(model_days(pipeline, as_of).test[0])


def _days_before(instant: datetime, days: int, zone: str) -> datetime:
    """The same time of day so many days before, by the clock of the time zone."""
    local = instant.astimezone(ZoneInfo(zone))
    before = parse_day(shift(local.date().isoformat(), -days))
    return datetime.combine(before, local.timetz())
