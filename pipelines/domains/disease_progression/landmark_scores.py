"""The best reachable scores of landmarks, by their ids.

Not here: the scores themselves (``best_scores.py``).
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.core.errors import ConfigError
from pipelines.domains.disease_progression.best_scores import best_scores, oracle_scores
from pipelines.domains.disease_progression.declaration import HORIZON_DAYS
from pipelines.domains.disease_progression.records import DAY_S, years_of
from pipelines.domains.disease_progression.simulator import (
    BLOCK_PATIENTS,
    FIRST_SUBJECT,
    Cohort,
    written_cohort,
)
from pipelines.spec.simulation import BestScores

ROW_ID = re.compile(r"(\d+)@(\d{4}-\d\d-\d\d)")
YEARS = HORIZON_DAYS / 365.25


def landmark_scores(source: Path, row_ids: Sequence[str]) -> BestScores:
    """The scores of landmarks at the ends of days, whose patients are made again from the seed.

    Raises:
        ConfigError: The source is not simulated, or an id is not of a landmark.
    """
    cohort = written_cohort(source)
    if cohort is None:
        raise ConfigError(
            f"{source} has no simulated records, whose truth is known. Give the folder that "
            f"`simulate` wrote."
        )
    patients, times = _parsed(row_ids, cohort)
    recorded, hidden = np.zeros(len(times)), np.zeros(len(times))
    for block in np.unique(patients // BLOCK_PATIENTS):
        rows = np.flatnonzero(patients // BLOCK_PATIENTS == block)
        own, at = np.unique(patients[rows], return_inverse=True)
        histories = cohort.histories_of(own)
        recorded[rows] = best_scores(histories, at, times[rows], YEARS)
        hidden[rows] = oracle_scores(histories, at, times[rows], YEARS)
    return BestScores(recorded=recorded, hidden=hidden)


def _parsed(row_ids: Sequence[str], cohort: Cohort) -> tuple[np.ndarray, np.ndarray]:
    """Number of the patient, and the time of the end of the day, of each landmark."""
    found = [ROW_ID.fullmatch(row_id) for row_id in row_ids]
    patients = np.array([int(m[1]) - FIRST_SUBJECT if m else -1 for m in found], np.int64)
    wrong = np.flatnonzero((patients < 0) | (patients >= cohort.patients))
    if len(wrong):
        raise ConfigError(
            f"{row_ids[wrong[0]]!r} is not a landmark of {cohort.patients:,} simulated patients, such as "
            f"'17@2019-03-05'. Give the source that the model's rows came from."
        )
    days = np.array([m[2] for m in found if m], "datetime64[D]")
    ends = days.astype("datetime64[s]").astype(np.int64) + DAY_S - 1
    return patients, years_of(ends, np.datetime64(cohort.first, "D"))
