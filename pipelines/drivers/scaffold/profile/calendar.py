"""Guess the grain of a table, its first day, and a split that its days allow.

Promise: train, gap and test fit into the days of the sample where there are three partitions or more;
    thousands of sparse days become fewer, longer partitions.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.partitions import (
    DAY,
    GRAINS,
    HOUR,
    MONTH,
    NOMINAL_DAYS,
    QUARTER,
    WEEK,
    YEAR,
    Partitions,
)
from pipelines.drivers.scaffold.profile.time_texts import has_times_of_day

MOST_PARTITIONS, FEWEST_PARTITIONS, FEWEST_ROWS = 1_500, 8, 5
TEST_SHARE, VALIDATION_SHARE = 0.25, 0.15
MOST_TRAIN, MOST_TEST = 180, 60
FROM_VALIDATION = 7
NEEDED = 3
SPANS = {
    HOUR: (1, 7),
    DAY: (1, 7, 30),
    WEEK: (7, 28, 91),
    MONTH: (31, 92, 365),
    QUARTER: (92, 365),
    YEAR: (365, 1_095),
}


@dataclass(frozen=True, slots=True)
class CalendarGuess:
    """The time of a table.

    Attributes:
        grain: What a partition is.
        first_day: Day of the first row.
        last_day: Day of the last.
        partitions: Number of partitions from the first row to the last.
        rows_each: Rows of a partition, on average.
        train_days: As ``Split.train_days``.
        test_days: As ``Split.test_days``.
        validation_days: As ``Split.validation_days``.
        spans_days: Lengths of windows that the days allow.
        has_clock: Whether the event times are more than days.
    """

    grain: str
    first_day: str
    last_day: str
    partitions: int
    rows_each: float
    train_days: int
    test_days: int
    validation_days: int
    spans_days: tuple[int, ...]
    has_clock: bool

    @property
    def is_all_used(self) -> bool:
        """Whether the split has every partition: then a longer gap leaves less to train on."""
        return self.train_days + 1 + self.test_days == self.partitions

    @property
    def is_enough(self) -> bool:
        """Whether there are partitions to train, to wait and to test."""
        return self.partitions >= NEEDED


def guess_calendar(times: pa.ChunkedArray, total: int, grain: str) -> CalendarGuess:
    """The calendar of event times.

    Args:
        times: UTC microseconds, without nulls.
        total: Number of rows of the table.
        grain: What the files' names say; empty for nothing.
    """
    ends = pc.min_max(times)
    first, last = (ends[end].as_py().replace(tzinfo=UTC) for end in ("min", "max"))
    grain = grain or _grain(first, last, total)
    partitions = Partitions(grain)
    number = len(partitions.between(partitions.of_time(first), partitions.of_time(last)))
    nominal = NOMINAL_DAYS[grain]
    test = max(1, min(round(TEST_SHARE * (number - 1)), MOST_TEST))
    train = max(1, min(number - 1 - test, MOST_TRAIN))
    validation = max(1, round(VALIDATION_SHARE * train)) if train >= FROM_VALIDATION else 0
    days = [max(1, round(part * nominal)) for part in (train, test)]
    return CalendarGuess(
        grain=grain,
        first_day=first.date().isoformat(),
        last_day=last.date().isoformat(),
        partitions=number,
        rows_each=total / number,
        train_days=days[0],
        test_days=days[1],
        validation_days=min(round(validation * nominal), days[0] - 1),
        spans_days=_spans(grain, days[0]),
        has_clock=has_times_of_day(times),
    )


def _grain(first: datetime, last: datetime, total: int) -> str:
    """The finest grain whose partitions are neither too many nor too empty."""
    days = (last - first).days + 1
    numbers = {grain: days / NOMINAL_DAYS[grain] for grain in GRAINS if grain != HOUR}
    few = [grain for grain, number in numbers.items() if number <= MOST_PARTITIONS]
    fits = [
        grain
        for grain in few
        if numbers[grain] >= FEWEST_PARTITIONS and total / numbers[grain] >= FEWEST_ROWS
    ]
    return (fits or few or [YEAR])[0]


def _spans(grain: str, train_days: int) -> tuple[int, ...]:
    spans = SPANS[grain]
    return tuple(span for span in spans if span <= train_days) or spans[:1]
