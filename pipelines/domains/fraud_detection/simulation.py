"""What the fraud pipeline offers as its simulation, found through the registry.

Not here: the simulator itself (``simulator.py``), the defects (``planting.py``).
"""

from pathlib import Path

from pipelines.domains.fraud_detection.planting import Plant
from pipelines.domains.fraud_detection.simulator import (
    MAX_ROWS_PER_DAY,
    Progress,
    Simulation,
    simulate,
)
from pipelines.spec.simulation import SimulatedDay

__all__ = ["MAX_ROWS_PER_DAY", "simulate_days"]


def simulate_days(
    first: str,
    last: str,
    out: Path,
    *,
    rows_per_day: int,
    seed: int,
    processes: int = 1,
    plant: str | None = None,
    progress: Progress | None = None,
) -> list[SimulatedDay]:
    """Write days of card transactions, as ``SimulationModule`` describes it."""
    written = simulate(
        Simulation(rows_per_day=rows_per_day, seed=seed),
        first,
        last,
        out,
        processes=processes,
        plant=Plant.parse(plant) if plant else None,
        progress=progress,
    )
    return [SimulatedDay(day=day.day, rows=day.rows, positives=day.frauds) for day in written]
