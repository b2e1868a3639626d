"""Whether values of a day are distributed as those of other days: pure functions of profiles.

Why: the stage that watches a day, and a policy that is tried on the past, must find the same.
Promise: the same profiles and limits give the same findings; no row is read, nothing is looked up.
Not here: making profiles (``pipelines/shared/tables/profile.py``), which days are compared, and what
    follows from a finding.
"""

from pipelines.shared.drift.findings import ColumnDrift, drift_of, histogram_drift
from pipelines.shared.drift.measures import by_chance, jensen_shannon, psi, wasserstein

__all__ = [
    "ColumnDrift",
    "by_chance",
    "drift_of",
    "histogram_drift",
    "jensen_shannon",
    "psi",
    "wasserstein",
]
