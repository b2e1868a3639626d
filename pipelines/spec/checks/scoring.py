"""Mistakes in how scores are written."""

import re
from collections.abc import Iterator

from pipelines.core.connections import has_secrets, without_secrets
from pipelines.spec.pipeline import Pipeline

MOST_REASONS = 50
TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")


def scoring_problems(pipeline: Pipeline) -> Iterator[str]:
    """A number of reasons that is out of range, and half or malformed addresses of copies."""
    scoring = pipeline.scoring
    if not 0 <= scoring.reasons <= MOST_REASONS:
        yield f"scoring.reasons must be from 0 to {MOST_REASONS}; got {scoring.reasons!r}."
    if bool(scoring.connection) != bool(scoring.table):
        given, missing = (
            ("connection", "table") if scoring.connection else ("table", "connection")
        )
        yield (
            f"scoring.{given} is {getattr(scoring, given)!r} and scoring.{missing} is empty. Declare both, the Airflow "
            f"connection of a database and its table, or neither."
        )
    if scoring.table and not TABLE.fullmatch(scoring.table):
        yield (
            f"scoring.table {scoring.table!r} is not the name of a table. Write it as scores or schema.scores, of "
            f"letters, digits and underscores."
        )
    if has_secrets(scoring.files):
        yield (
            f"scoring.files {without_secrets(scoring.files)!r} contains a password or a key, and declarations are not "
            f"secret. Leave it out: the file system finds the machine's own credentials."
        )
