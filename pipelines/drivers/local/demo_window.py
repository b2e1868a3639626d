"""The data of the demonstration of a pipeline: which partitions, how much, and making them.

Why: a second run must find the first one's work, so its window is recorded and kept; each
    later partition only adds to it.
Promise: the same record gives the same bytes, whenever they are simulated.
Not here: what a row looks like, and what the size counts, which the pipeline offers as its simulation.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from pipelines.core.errors import ConfigError
from pipelines.core.partitions import DAY, Partitions
from pipelines.drivers.local.home import Home, read_json, write_json
from pipelines.spec import Pipeline
from pipelines.spec.simulation import SimulationModule

SEED = 20_260_101


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the demonstration's source has.

    Attributes:
        first: First partition.
        last: Last partition: the last one that is over.
        partitions: Number of partitions of the first run.
        size: Size, as the simulation counts it.
        grain: Grain of the partitions.
        zone: Their time zone.
        seed: Of everything random.
    """

    first: str
    last: str
    partitions: int
    size: int
    grain: str = DAY
    zone: str = "UTC"
    seed: int = SEED

    @classmethod
    def recorded(
        cls, home: Home, pipeline: Pipeline, *, partitions: int, size: int, today: str
    ) -> Self:
        """The window of an earlier run, up to the last partition that is over; at the first run a new one.

        Raises:
            ConfigError: The earlier run was asked for other numbers.
        """
        of, path = pipeline.partitions(), home.root / f"demo-{pipeline.name}.json"
        last = last_over(of, today)
        record = read_json(path)
        if record is None:
            window = cls(
                first=of.shift(last, 1 - partitions),
                last=last,
                partitions=partitions,
                size=size,
                grain=of.grain,
                zone=of.zone,
            )
            write_json(path, asdict(window))
            return window
        known = cls(**record | {"last": last})
        if (known.partitions, known.size) != (partitions, size):
            raise ConfigError(
                f"{home.root} has {known.partitions} {of.grain}s of {pipeline.name} of size {known.size:,}, "
                f"and {partitions} of {size:,} were asked for. Ask for the former, or choose "
                f"another folder with --home."
            )
        return known

    @property
    def calendar(self) -> Partitions:
        """The partitions of the examples' table."""
        return Partitions(self.grain, self.zone)

    @property
    def first_day(self) -> str:
        """Day in which the first partition begins."""
        return self.calendar.first_day(self.first)

    @property
    def last_day(self) -> str:
        """Day in which the last partition ends."""
        return self.calendar.last_day(self.last)

    def all_partitions(self) -> list[str]:
        """Every partition, oldest first."""
        return self.calendar.between(self.first, self.last)

    def missing_days(
        self, simulation: SimulationModule, home: Home, name: str
    ) -> Sequence[str]:
        """Days that the source of a pipeline does not have yet."""
        return simulation.missing_days(
            self.first_day, self.last_day, home.source_of(name), size=self.size, seed=self.seed
        )

    def write(
        self,
        simulation: SimulationModule,
        home: Home,
        name: str,
        processes: int,
        progress: Callable[[int, int, int], None],
    ) -> int:
        """Simulate the days that are not there; returns how many rows were written."""
        missing = self.missing_days(simulation, home, name)
        if not missing:
            return 0
        written = simulation.simulate_source(
            missing[0],
            missing[-1],
            home.source_of(name),
            size=self.size,
            seed=self.seed,
            processes=processes,
            plant=simulation.DEMONSTRATION.plant,
            progress=progress,
        )
        return sum(part.rows for part in written)


def last_over(partitions: Partitions, today: str) -> str:
    """The last partition that is over when a day begins."""
    return partitions.closed_by(Partitions(DAY, partitions.zone).start(today))
