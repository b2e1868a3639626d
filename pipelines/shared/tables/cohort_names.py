"""Names in a published cohort: its files, the parts of a model's data, the reasons why a row is left out.

Promise: imports nothing heavy, as stages plan with them.
Not here: its rows (``cohort.py``).
"""

from pipelines.spec import PARTS

COHORTS = "cohorts"
SUMMARY, CENSORING = "cohort.json", "censoring.parquet"
"""The counts, and the probability not to be censored by a time, of training rows."""

TRAIN, GAP, TEST = PARTS
VALIDATION = "validation"
COHORT_PARTS = (TRAIN, VALIDATION, GAP, TEST)

NO_PART = len(COHORT_PARTS)
REASONS = NONE, NO_ENTITY, OTHER_SIDE, PREVALENT, BEYOND, NO_LABEL, UNKNOWN = (
    "",
    "without an entity",
    "of an entity of the other side",
    "after the event",
    "after the competing event or the end of follow-up",
    "without a label",
    "follow-up ended before the horizon",
)
"""Why a row is left out; the first that applies is given."""


def cohort_file(partition: str) -> str:
    """Name of the file of a partition of the examples."""
    return f"ds={partition}.parquet"
