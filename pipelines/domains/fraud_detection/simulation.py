"""What the fraud pipeline offers as its simulation, found through the registry.

Not here: the simulator itself (``simulator.py``), the defects (``planting.py``).
"""

import math
from collections.abc import Sequence
from pathlib import Path

from pipelines.core.days import days_between
from pipelines.domains.fraud_detection.declaration import PIPELINE
from pipelines.domains.fraud_detection.planting import DEFECTS, Plant
from pipelines.domains.fraud_detection.simulator import (
    MAX_ROWS_PER_DAY,
    Progress,
    Simulation,
    simulate,
)
from pipelines.spec.simulation import Demonstration, SimulatedPart, Size

__all__ = ["DEMONSTRATION", "SIZE", "missing_days", "simulate_source"]

# A duplicate takes the row that it repeats with it.
BAD_ROWS = len(DEFECTS) + 1
SHARE = PIPELINE.validation.max_quarantined_share
# The number of rows is random: of 900 a day, some days have 845.
FEWER_ROWS = 1.2

SIZE = Size(counts="rows a day", default=10_000, most=MAX_ROWS_PER_DAY, parts="days")
DEMONSTRATION = Demonstration(
    size=10_000,
    # Windows of 30 days, a week late, are full before the first model trains, 37 days from the end.
    partitions=75,
    plant=f"rows={len(DEFECTS)}",
    least_size=math.ceil(BAD_ROWS / SHARE * FEWER_ROWS),
    reason=f"{BAD_ROWS} rows a day are bad on purpose, and a day of which more than {SHARE:.2%} are "
    f"bad is refused",
)


def simulate_source(
    first: str,
    last: str,
    out: Path,
    *,
    size: int,
    seed: int,
    processes: int = 1,
    plant: str | None = None,
    progress: Progress | None = None,
) -> list[SimulatedPart]:
    """Write days of card transactions, as ``SimulationModule`` describes it."""
    written = simulate(
        Simulation(rows_per_day=size, seed=seed),
        first,
        last,
        out,
        processes=processes,
        plant=Plant.parse(plant) if plant else None,
        progress=progress,
    )
    return [SimulatedPart(name=day.day, rows=day.rows, positives=day.frauds) for day in written]


def missing_days(first: str, last: str, out: Path, *, size: int, seed: int) -> Sequence[str]:
    """Days without a file."""
    files = ((day, out / f"ds={day}" / "part-0.parquet") for day in days_between(first, last))
    return [day for day, file in files if not file.exists()]
