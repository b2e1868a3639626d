"""What the pipeline offers as its simulation, found through the registry.

Not here: the simulator itself (``simulator.py``), bad rows (``planting.py``), the scores (``best_scores.py``).
"""

from collections.abc import Sequence
from pathlib import Path

from pipelines.core.days import days_between
from pipelines.domains.disease_progression.planting import planted_share
from pipelines.domains.disease_progression.simulator import (
    MAX_PATIENTS,
    Cohort,
    simulate_cohort,
    written_cohort,
)
from pipelines.spec.simulation import (
    BestScores,
    Demonstration,
    Progress,
    SimulatedPart,
    Size,
)

__all__ = ["DEMONSTRATION", "SIZE", "best_scores", "missing_days", "simulate_source"]

SIZE = Size(
    counts="patients",
    default=5_000,
    most=MAX_PATIENTS,
    parts="blocks of patients",
    rows_a_day=0.015,
)
DEMONSTRATION = Demonstration(
    size=10_000,
    partitions=16,
    plant="rows=30",
    least_size=1_000,
    reason="a model needs some dozens of patients with the outcome",
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
    """Write a dataset of patients, as ``SimulationModule`` describes it."""
    cohort = Cohort(
        first=first, last=last, patients=size, seed=seed, planted=planted_share(plant)
    )
    written = simulate_cohort(cohort, out, processes=processes, progress=progress)
    return [SimulatedPart(name=b.name, rows=b.rows, positives=b.positives) for b in written]


def missing_days(first: str, last: str, out: Path, *, size: int, seed: int) -> Sequence[str]:
    """All days, unless a complete dataset of these patients and days is there."""
    found = written_cohort(out)
    known = found and (found.first, found.last, found.patients, found.seed)
    return [] if known == (first, last, size, seed) else days_between(first, last)


def best_scores(source: Path, row_ids: Sequence[str]) -> BestScores:
    """The scores of landmarks such as ``17@2019-03-05`` by the true model."""
    from pipelines.domains.disease_progression.landmark_scores import landmark_scores

    return landmark_scores(source, row_ids)
