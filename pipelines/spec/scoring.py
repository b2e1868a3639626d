"""Declared scoring: what is written for each scored row, and where a copy of the scores goes.

Why: whoever acts on scores needs a decision, its reasons, and a copy that they may read.
Promise: plain values only; no setting changes a score.
Not here: calibration and the threshold of a decision (``evaluation.py``: they belong to a model),
    scoring a day, which is a stage of its own.
"""

from pipelines.core.declared import declared

__all__ = ["Scoring"]


@declared
class Scoring:
    """How the rows of a day are scored with the champion.

    Attributes:
        reasons: Number of reason codes for a row with a positive decision: the features that raise its
            score most; 0 for none.
        files: URI of a folder that gets a copy of each day's scores as ``ds=<day>/*.parquet``; empty for
            none.
        connection: Airflow connection of a database that gets the scores; empty for none.
        table: The database's table, with its schema where it has one.
    """

    reasons: int = 3
    files: str = ""
    connection: str = ""
    table: str = ""
