"""The training days and the test days of a model as of a day.

Why: a model may use only what was known by its as-of day, labels included.
Promise: every label of a training day was known before the first test day, and every label of
    a test day is known at the as-of day.
"""

from dataclasses import dataclass

from pipelines.core.days import days_between, shift
from pipelines.spec.pipeline import Pipeline

TRAIN, GAP, TEST = PARTS = ("train", "gap", "test")
"""Parts of a model's days, as published indexes name them."""


@dataclass(frozen=True, slots=True)
class ModelDays:
    """The days one model is made from.

    Attributes:
        train: Training days, oldest first, those of validation included.
        validation: The last of the training days, which choose the epoch to keep.
        gap: Days between, whose labels are used only to exclude entities known as positive.
        test: Test days, oldest first.
    """

    train: tuple[str, ...]
    gap: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()

    def all(self) -> tuple[str, ...]:
        """Every day, oldest first."""
        return self.train + self.gap + self.test


def model_days(pipeline: Pipeline, as_of: str) -> ModelDays:
    """The days of a model as of the start of a day.

    A label of day d is known for all of d's rows at the end of d + ``label.settled_days()``, so
    the last test day is ``as_of - label.settled_days() - 1``.
    """
    split = pipeline.split
    last_test = shift(as_of, -pipeline.label.settled_days() - 1)
    first_test = shift(last_test, 1 - split.test_days)
    first_gap = shift(first_test, -split.gap_days)
    first_train = shift(first_gap, -split.train_days)
    train = tuple(days_between(first_train, shift(first_gap, -1)))
    return ModelDays(
        train=train,
        gap=tuple(days_between(first_gap, shift(first_test, -1))),
        test=tuple(days_between(first_test, last_test)),
        validation=train[len(train) - split.validation_days :],
    )


def search_day(pipeline: Pipeline, as_of: str) -> str:
    """The as-of day of a search for the settings of a model.

    It is the day on which that model's test begins: the search uses the labels that were known
    then, and no test row. Its own test days are the validation days.
    """
    return model_days(pipeline, as_of).test[0]
