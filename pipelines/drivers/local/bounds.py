"""What the numbers of ``serve`` may be, asked before anything is made or started.

Why: too small a simulation has its partitions refused by the defects that are planted in it, too few partitions
    make no model, and both are found out minutes later.
"""

from pipelines.core.errors import ConfigError
from pipelines.drivers.local.demo_window import last_over
from pipelines.spec import Pipeline, model_days
from pipelines.spec.simulation import simulation_of
from pipelines.spec.split import partitions_of_days

# The tick that makes the model was up to six days ago, or in the partition before.
WEEK_LESS_ONE = 6
LAST_PORT = 65_535


def require_possible(
    pipeline: Pipeline, today: str, *, partitions: int, size: int, port: int
) -> None:
    """Refuse numbers that no demonstration can be made of.

    Raises:
        ConfigError: Says the number, what it may be, and why.
    """
    simulation, of = simulation_of(pipeline.name), pipeline.partitions()
    counts = simulation.SIZE.counts
    _require(
        f"--size ({counts} of {pipeline.name})",
        size,
        least=simulation.DEMONSTRATION.least_size,
        most=simulation.SIZE.most,
        why=simulation.DEMONSTRATION.reason,
    )
    first, last = model_days(pipeline, today).train[0], last_over(of, today)
    _require(
        f"--partitions ({of.grain}s of {pipeline.name})",
        partitions,
        least=len(of.between(first, last)) + partitions_of_days(of.grain, WEEK_LESS_ONE),
        most=len(of.between(of.of_day(pipeline.schedule.start), last)),
        why=f"a model needs its {of.grain}s of training and of test and their labels, and the "
        f"pipeline begins on {pipeline.schedule.start}",
    )
    _require("--port", port, least=1, most=LAST_PORT, why="that is what a port may be")


def _require(name: str, value: int, *, least: int, most: int, why: str) -> None:
    if not least <= value <= most:
        raise ConfigError(
            f"{name} is {value:,}; expected a number from {least:,} to {most:,}, as {why}. "
            f"Choose one of these."
        )
