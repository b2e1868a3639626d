"""What a pipeline may offer beside its declaration: days of simulated data with known truth.

Why: a demonstration, a test and a benchmark need data that nobody has to be given; only the
    domain knows what its data look like.
Promise: a domain is found through the registry like its declaration, and never imported by name.

A pipeline's package offers it as a module ``simulation`` with what ``SimulationModule`` lists.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from pipelines.core.errors import ConfigError
from pipelines.spec.registry import offered

MODULE = "simulation"
WANTED = ("MAX_ROWS_PER_DAY", "simulate_days")

Progress = Callable[[int, int, int], None]
"""Called after each day with days done, days in all, rows done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDay:
    """One day as it was written.

    Attributes:
        day: ``YYYY-MM-DD``.
        rows: Rows simulated.
        positives: Rows whose label is 1 among them.
    """

    day: str
    rows: int
    positives: int


class SimulationModule(Protocol):
    """The module ``simulation`` of a pipeline's package.

    Attributes:
        MAX_ROWS_PER_DAY: Most rows that a day may be asked to have.
    """

    MAX_ROWS_PER_DAY: int

    def simulate_days(
        self,
        first: str,
        last: str,
        out: Path,
        *,
        rows_per_day: int,
        seed: int,
        processes: int = 1,
        plant: str | None = None,
        progress: Progress | None = None,
    ) -> Sequence[SimulatedDay]:
        """Write each day from the first to the last as ``<out>/ds=<day>/part-0.parquet``.

        Args:
            first: First day.
            last: Last day, included.
            out: Root of the source.
            rows_per_day: Expected rows a day.
            seed: Of everything random: the same arguments give the same bytes.
            processes: Processes to write days with.
            plant: Defects to plant, in the domain's own notation, such as ``rows=7``.
            progress: Called after each day.

        Raises:
            ConfigError: An argument cannot be used.
        """


def simulation_of(name: str) -> SimulationModule:
    """The simulation that the pipeline of that name offers.

    Raises:
        ConfigError: It offers none, or its module lacks what is wanted.
    """
    module = offered(name, MODULE)
    if module is None:
        raise ConfigError(f"{name} offers no simulation. Use your own files with --source.")
    lacking = [each for each in WANTED if not hasattr(module, each)]
    if lacking:
        raise ConfigError(
            f"{module.__file__} lacks {' and '.join(lacking)}. Add what "
            f"pipelines.spec.simulation.SimulationModule lists."
        )
    return cast("SimulationModule", module)
