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
from pipelines.core.partitions import NOMINAL_DAYS
from pipelines.spec.learning import BY_ENTITY, Outcome
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.tables import Table

TRAIN, GAP, TEST = PARTS = ("train", "gap", "test")
"""Parts of a model's days, as published indexes name them."""


@dataclass(frozen=True, slots=True)
class ModelDays:
    """The partitions of the examples' table that one model is made from: days, unless its grain says else.

    Attributes:
        train: Training partitions, oldest first, those of validation included; with
            ``Split(by="entity")`` those of the test as well.
        validation: The last of the training partitions, which choose the epoch to keep.
        gap: Partitions between, whose labels are used only to exclude entities known as positive.
        test: Test partitions, oldest first.
    """

    train: tuple[str, ...]
    gap: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()

    def all(self) -> tuple[str, ...]:
        """Every partition once, oldest first."""
        return tuple(dict.fromkeys(self.train + self.gap + self.test))


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
    try:
        by_entity = pipeline.split.by == BY_ENTITY
        return _by_entity(pipeline, as_of) if by_entity else _by_time(pipeline, as_of)
    except OverflowError as error:
        raise ConfigError(
            f"The split of a model as of {as_of} reaches beyond the calendar. Choose another day, "
            f"or settings that span fewer days."
        ) from error


def _by_entity(pipeline: Pipeline, as_of: str) -> ModelDays:
    """The same partitions train and test: entities are divided."""
    partitions, last = pipeline.partitions(), _last_settled(pipeline, as_of)
    number = partitions_of_days(partitions.grain, pipeline.split.train_days)
    every = tuple(partitions.between(partitions.shift(last, 1 - number), last))
    return ModelDays(train=every, gap=(), test=every)


def _by_time(pipeline: Pipeline, as_of: str) -> ModelDays:
    split, partitions = pipeline.split, pipeline.partitions()
    numbers = {
        name: partitions_of_days(partitions.grain, days)
        for name, days in (
            (TRAIN, split.train_days),
            ("validation", split.validation_days),
            (TEST, split.test_days),
        )
    }
    last_test = _last_settled(pipeline, as_of)
    first_test = partitions.shift(last_test, 1 - numbers[TEST])
    gap_from = days_before(partitions.start(first_test), split.gap_days, partitions.zone)
    last_train = partitions.closed_by(gap_from)
    first_train = partitions.shift(last_train, 1 - numbers[TRAIN])
    first_gap = partitions.shift(last_train, 1)
    train = tuple(partitions.between(first_train, last_train))
    return ModelDays(
        train=train,
        gap=tuple(partitions.between(first_gap, partitions.shift(first_test, -1))),
        test=tuple(partitions.between(first_test, last_test)),
        validation=train[len(train) - numbers["validation"] :],
    )


def labels_until(pipeline: Pipeline, as_of: str) -> str:
    """The day before whose start everything is known that a label of a model as of a day may follow from.

    That is the as-of day itself, but where the label is an event of a table whose partitions are longer than
    days: its last partition that is over by then ends earlier.
    """
    begins = pipeline.days().start(as_of)
    ends = [as_of]
    for table in outcome_tables(pipeline):
        own = table.partitions(pipeline.time_zone)
        ends.append(own.first_day(own.shift(own.closed_by(begins), 1)))
    return min(ends)


def outcome_tables(pipeline: Pipeline) -> list[Table]:
    """The tables with partitions that an outcome and the end of its follow-up are read from."""
    label = pipeline.label
    if not isinstance(label, Outcome):
        return []
    named = {label.table, label.followed_until}
    return [t for t in pipeline.tables if t.name in named and t.event_time is not None]


def _last_settled(pipeline: Pipeline, as_of: str) -> str:
    """The last partition of the examples of which every label is known when the as-of day begins."""
    known_by = shift(labels_until(pipeline, as_of), -pipeline.label.settled_days())
    return pipeline.partitions().closed_by(pipeline.days().start(known_by))


def search_day(pipeline: Pipeline, as_of: str) -> str:
    """The as-of day of a search for the settings of a model.

    It is the day on which that model's test begins: the search uses the labels that were known
    then, and no test row. Its own test days are about the validation days.

    Raises:
        ConfigError: No day separates the search from the test, as entities are divided.
    """
    if pipeline.split.by == BY_ENTITY:
        raise ConfigError(
            f"{pipeline.name}: a search for settings uses the days before the test begins, and with "
            f"split.by='entity' training and test share their days. Use split.by='time' or 'both' for it."
        )
    return pipeline.partitions().first_day(model_days(pipeline, as_of).test[0])


def days_before(instant: datetime, days: int, zone: str) -> datetime:
    """The same time of day so many days before, by the clock of the time zone."""
    local = instant.astimezone(ZoneInfo(zone))
    before = parse_day(shift(local.date().isoformat(), -days))
    return datetime.combine(before, local.timetz())
