"""The data of the demonstration: which days, how many rows, and making them.

Why: a second run must find the first one's work, so its window is recorded and kept; each
    later day only adds to it.
Promise: the same record gives the same bytes, whenever a day is simulated.
Not here: what a row looks like, which the pipeline offers as its simulation.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Self

from pipelines.core.days import days_between, shift
from pipelines.core.errors import ConfigError
from pipelines.drivers.local.home import Home, read_json, write_json
from pipelines.spec.simulation import SimulationModule

SEED = 20_260_101
BAD_ROWS_PER_DAY = 7  # one of each kind of defect, so that the quarantine has something to show


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the demonstration's source holds.

    Attributes:
        first: First day.
        last: Last day: yesterday, the last one that is over.
        days: Days of the first run.
        rows_per_day: Expected transactions a day.
        seed: Of everything random.
        bad_rows_per_day: Rows with a planted defect.
    """

    first: str
    last: str
    days: int
    rows_per_day: int
    seed: int = SEED
    bad_rows_per_day: int = BAD_ROWS_PER_DAY

    @classmethod
    def recorded(cls, home: Home, *, days: int, rows_per_day: int, today: str) -> Self:
        """The window of an earlier run, up to yesterday; at the first run a new one.

        Raises:
            ConfigError: The earlier run was asked for other numbers.
        """
        yesterday = shift(today, -1)
        record = read_json(home.root / "demo.json")
        if record is None:
            window = cls(
                first=shift(today, -days), last=yesterday, days=days, rows_per_day=rows_per_day
            )
            write_json(home.root / "demo.json", asdict(window))
            return window
        known = cls(**record | {"last": yesterday})
        if (known.days, known.rows_per_day) != (days, rows_per_day):
            raise ConfigError(
                f"{home.root} holds {known.days} days of {known.rows_per_day:,} rows, and "
                f"{days} of {rows_per_day:,} were asked for. Ask for the former, or choose "
                f"another folder with --home."
            )
        return known

    def all_days(self) -> list[str]:
        """Every day, oldest first."""
        return days_between(self.first, self.last)

    def missing_days(self, home: Home) -> list[str]:
        """Days that the source does not have yet."""
        files = ((day, home.source / f"ds={day}" / "part-0.parquet") for day in self.all_days())
        return [day for day, file in files if not file.exists()]

    def write(
        self,
        simulation: SimulationModule,
        home: Home,
        processes: int,
        progress: Callable[[int, int, int], None],
    ) -> int:
        """Simulate the days that are not there; returns how many rows were written."""
        missing = self.missing_days(home)
        if not missing:
            return 0
        written = simulation.simulate_days(
            missing[0],
            missing[-1],
            home.source,
            rows_per_day=self.rows_per_day,
            seed=self.seed,
            processes=processes,
            plant=f"rows={self.bad_rows_per_day}",
            progress=progress,
        )
        return sum(day.rows for day in written)
