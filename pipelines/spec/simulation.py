"""The optional simulation of a pipeline: days of simulated data with known labels.

Why: a demonstration, a test and a benchmark need data without access to real data; only the domain
    knows what its data look like.
Promise: a simulation is found through the registry, as the declaration is, and never imported by name.

A pipeline's package provides it as a module ``simulation`` with the names of ``SimulationModule``.
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
    """One written day.

    Attributes:
        day: ``YYYY-MM-DD``.
        rows: Rows simulated.
        positives: Rows with label 1 among them.
    """

    day: str
    rows: int
    positives: int


class SimulationModule(Protocol):
    """The module ``simulation`` of a pipeline's package.

    Attributes:
        MAX_ROWS_PER_DAY: Maximum of ``rows_per_day``.
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
            seed: Seed of all randomness: the same arguments give the same bytes.
            processes: Processes to write days with.
            plant: Defects to plant, in the domain's own notation, such as ``rows=7``.
            progress: Called after each day.

        Raises:
            ConfigError: An argument cannot be used.
        """


def simulation_of(name: str) -> SimulationModule:
    """The simulation of the pipeline with that name.

    Raises:
        ConfigError: It has none, or its module is incomplete.
    """
    module = offered(name, MODULE)
    if module is None:
        raise ConfigError(f"{name} has no simulation. Use your own files with --source.")
    lacking = [each for each in WANTED if not hasattr(module, each)]
    if lacking:
        raise ConfigError(
            f"{module.__file__} has no {' and no '.join(lacking)}. Add the names of "
            f"pipelines.spec.simulation.SimulationModule."
        )
    return cast("SimulationModule", module)
