"""Copies of the scores that were given, outside of the store: a Parquet file a day, and rows of a database's table.

Why: whoever acts on scores may read a folder or a table, and not the store.
Promise: a copy is replaced whole or not at all, so no reader sees half a day; one that is missing or of other scores is
    made again from the published ones. Scores of a chosen version, and of a branch, are copied nowhere.
Not here: writing them (``export_file.py``, ``export_table.py``).
"""

from pathlib import Path

from pipelines.protocol import Plan, Work
from pipelines.stages.score.copied_scores import CopyTarget, ScoresToCopy
from pipelines.stages.score.record import VERSION


def export_all(work: Work, plan: Plan, rows: int, folder: Path) -> None:
    """Write the scores in a folder to every declared folder and table that does not have them.

    Raises:
        TransientError: A folder or a database cannot be reached.
        ConfigError: It refuses them, or its address cannot be used.
    """
    if work.options.get(VERSION.name) or work.store.branch:
        return
    scores = ScoresToCopy(work.pipeline.name, work.day, plan.digest(), rows)
    for export in _declared(work, folder):
        if not export.stands(scores):
            work.report.log(export.write(scores))


def _declared(work: Work, folder: Path) -> list[CopyTarget]:
    scoring, found = work.pipeline.scoring, list[CopyTarget]()
    if work.store.branch:
        return found  # whoever reads a copy reads production's
    if scoring.files:
        from pipelines.stages.score.export_file import FileExport

        found.append(FileExport(scoring.files, folder))
    if scoring.connection:
        from pipelines.stages.score.export_table import TableExport

        found.append(TableExport(scoring.connection, scoring.table, folder))
    return found
