"""The optional simulation of a pipeline: simulated data with known truth.

Why: a demonstration, a test and a benchmark need data without access to real data; only the domain
    knows what its data look like, what its size is counted in, and what it is simulated by (days, patients).
Promise: a simulation is found through the registry, as the declaration is, and never imported by name.

A pipeline's package provides it as a module ``simulation`` with the names of ``SimulationModule``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from pipelines.core.errors import ConfigError
from pipelines.spec.registry import offered

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODULE = "simulation"
WANTED = ("SIZE", "DEMONSTRATION", "simulate_source", "missing_days")

Progress = Callable[[int, int, int], None]
"""Called after each part with parts done, parts in all, rows done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the size of a simulation is.

    Attributes:
        counts: What it counts: ``rows a day``, ``patients``.
        default: Size that is simulated where none is asked for.
        most: Largest size.
        parts: What it is simulated by, for messages: ``days``, ``blocks of patients``.
        rows_a_day: About how many rows a day has for each 1 of the size.
    """

    counts: str
    default: int
    most: int
    parts: str
    rows_a_day: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """What ``serve`` simulates.

    Attributes:
        size: Size.
        partitions: Number of partitions of the examples' table, up to the last one that is over.
        plant: Defects to plant, in the domain's own notation.
        least_size: Smallest size that the gate passes with them.
        reason: Why it is the smallest.
    """

    size: int
    partitions: int
    plant: str
    least_size: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPart:
    """One written part.

    Attributes:
        name: The day, or the name of the file.
        rows: Rows simulated.
        positives: Events among them that the pipeline is to predict.
    """

    name: str
    rows: int
    positives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BestScores:
    """Scores of examples that no model can be expected to exceed.

    Attributes:
        recorded: By the true model, given all that was recorded until the example, ``(n_examples,)``.
        hidden: By the true model, given the hidden state too, ``(n_examples,)``.
    """

    recorded: "NDArray[np.float64]"
    hidden: "NDArray[np.float64]"


class SimulationModule(Protocol):
    """The module ``simulation`` of a pipeline's package.

    A module whose truth gives the best reachable scores has ``best_scores`` as well; see ``BestScoresFunction``.

    Attributes:
        SIZE: What its size is.
        DEMONSTRATION: What ``serve`` simulates.
    """

    SIZE: Size
    DEMONSTRATION: Demonstration

    def simulate_source(
        self,
        first: str,
        last: str,
        out: Path,
        *,
        size: int,
        seed: int,
        processes: int = 1,
        plant: str | None = None,
        progress: Progress | None = None,
    ) -> Sequence[SimulatedPart]:
        """Write the rows from the first day to the last as the files that the declaration reads.

        Args:
            first: First day.
            last: Last day, included.
            out: Root of the source.
            size: How much, as ``SIZE`` counts it.
            seed: Seed of all randomness: the same arguments give the same bytes.
            processes: Processes to write parts with.
            plant: Defects to plant, in the domain's own notation, such as ``rows=7``.
            progress: Called after each part.

        Raises:
            ConfigError: An argument cannot be used.
        """

    def missing_days(
        self, first: str, last: str, out: Path, *, size: int, seed: int
    ) -> Sequence[str]:
        """The days that must be simulated for ``out`` to have these: all, unless single days can be added."""


BestScoresFunction = Callable[[Path, Sequence[str]], BestScores]
"""``best_scores(source, row_ids)`` of a module: by the ids of examples, of a source that it simulated.

Raises:
    ConfigError: The source is not one, or an id is not of it.
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


def best_scores_of(name: str) -> BestScoresFunction | None:
    """What gives the best reachable scores of the pipeline with that name; None where nothing does."""
    return getattr(offered(name, MODULE), "best_scores", None)
