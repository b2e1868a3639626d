"""What the numbers of ``serve`` may be, asked before anything is made or started.

Why: too few rows have every day refused by the defects that are planted in it, too few days make
    no model, and both are found out minutes later.
"""

import math

from pipelines.core.days import days_between, shift
from pipelines.core.errors import ConfigError
from pipelines.drivers.local.demo_days import BAD_ROWS_PER_DAY
from pipelines.spec import Pipeline, model_days
from pipelines.spec.simulation import simulation_of

# A duplicate takes the row that it repeats with it.
PLANTED = BAD_ROWS_PER_DAY + 1
# The number of rows is random: of 900 a day, some days have 845.
FEWER_ROWS = 1.2
# The tick that makes the model was up to six days ago.
WEEK_LESS_ONE = 6
LAST_PORT = 65_535


def require_possible(
    pipeline: Pipeline, today: str, *, days: int, rows_per_day: int, port: int
) -> None:
    """Refuse numbers that no demonstration can be made of.

    Raises:
        ConfigError: Says the number, what it may be, and why.
    """
    share = pipeline.validation.max_quarantined_share
    _require(
        "--rows-per-day",
        rows_per_day,
        least=math.ceil(PLANTED / share * FEWER_ROWS),
        most=simulation_of(pipeline.name).MAX_ROWS_PER_DAY,
        why=f"{PLANTED} rows a day are bad on purpose, and a day of which more than "
        f"{share:.2%} are bad is refused",
    )
    first = pipeline.partitions().first_day(model_days(pipeline, today).train[0])
    _require(
        "--days",
        days,
        least=len(days_between(first, shift(today, -1))) + WEEK_LESS_ONE,
        most=len(days_between(pipeline.schedule.start, shift(today, -1))),
        why=f"a model needs its days of training and of test and their labels, and the "
        f"pipeline begins on {pipeline.schedule.start}",
    )
    _require("--port", port, least=1, most=LAST_PORT, why="that is what a port may be")


def _require(name: str, value: int, *, least: int, most: int, why: str) -> None:
    if not least <= value <= most:
        raise ConfigError(
            f"{name} is {value:,}; expected a number from {least:,} to {most:,}, as {why}. "
            f"Choose one of these."
        )
