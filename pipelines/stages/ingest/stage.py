"""Stage ``ingest``: convert a day of source files to one typed table, or refuse it; or derive landmarks.

Promise: rows keep the source's order and are numbered by it; the same bytes in the source give
    the same bytes in the store, whatever the number of threads; a file that changes while it is
    read is not published; a day whose files cannot be read is published as refused, with the
    reason, so that no other stage waits for it.
Not here: finding files (``sources/locate.py``), reading one (``rows.py``), writing rows (``day.py``).
"""

from collections.abc import Sequence
from pathlib import Path

from pipelines.core.errors import SourceNotReadyError
from pipelines.core.store.erased_keys import INPUT as ERASED
from pipelines.core.store.erased_keys import ErasedKeys
from pipelines.protocol import Plan, StageOutcome, Work, code_of
from pipelines.shared.tables.erased_rows import ErasedRows
from pipelines.shared.tables.static_tables import contents_of
from pipelines.spec import Table
from pipelines.stages.ingest.delivery import Delivery
from pipelines.stages.ingest.landmarks.landmarks_plan import (
    outdated_landmarks,
    plan_landmarks,
    take_landmarks,
)
from pipelines.stages.ingest.reading import reads_of
from pipelines.stages.ingest.settings import ingest_settings
from pipelines.stages.ingest.sources.locate import source_files
from pipelines.stages.ingest.sources.source_item import SourceItem
from pipelines.stages.ingest.splits import part_of, split_of, take_part
from pipelines.stages.ingest.values.origin_rows import static_origins

SPLIT = "split"


def due(work: Work) -> tuple[bool, list[str]]:
    """The work's own partition, and the later landmarks whose events were published again."""
    return True, outdated_landmarks(work) if work.pipeline.table.derived_from else []


def plan(work: Work) -> Plan:
    """Plan by the content of the day's files and the declared types.

    Raises:
        EventsNotReadyError: Events that the rows are derived from have no verdict yet.
    """
    table = work.pipeline.table
    if table.derived_from:
        return plan_landmarks(work)
    if table.is_for_all_time:
        return _plan_of_part(work, table)
    static = static_origins(work)
    files = {file.name: file.digest() for file in source_files(work, table)}
    return Plan(
        inputs=files | contents_of(static) | erased_of(work),
        config={**ingest_settings(work.pipeline), "ids": _ids(work, table)},
        code=code_of(__name__),
        made_from=static,
    )


def _plan_of_part(work: Work, table: Table) -> Plan:
    """Plan by the partition's part of the files for all time, which are read once for all of them."""
    split = split_of(work, table)
    return Plan(
        inputs=part_of(split, work.day),
        config={"table": table.name, "part of": split.ref.path()},
        code=code_of(__name__),
        made_from={SPLIT: split},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Read, check and cast each file; write the partition's rows, or the reason for their refusal.

    Raises:
        SourceNotReadyError: A file changed, has gone, or is still being written.
    """
    if work.pipeline.table.derived_from:
        return take_landmarks(work, plan, out)
    if SPLIT in plan.made_from:
        return take_part(work, plan.made_from[SPLIT], out)
    from pipelines.stages.ingest.day import DayWriter, remove_rows
    from pipelines.stages.ingest.values.composites import joined

    table = work.pipeline.table
    files = source_files(work, table)
    _require_planned(work, files, plan)
    delivery = Delivery(work, reads_of(work, plan, files))
    writer = DayWriter(work.pipeline, work.day, out)
    erased = delivery.erased = ErasedRows.of(work.store, work.pipeline, joined)
    delivery.read_files(lambda rows: writer.add(erased.without(rows)))
    writer.close()
    delivery.check(table)
    if delivery.refused:
        remove_rows(out)
        return delivery.refused_outcome(out)
    return delivery.outcome(out)


def erased_of(work: Work) -> dict[str, str]:
    """The erased entities that the work's source has, as an input of its plan."""
    ref = work.partition_ref("ingested")
    return ErasedKeys.of(work.store, work.pipeline.name).inputs(f"{ref.dataset}/{ref.key}")


def _ids(work: Work, table: Table) -> list[str]:
    """What the file of ids depends on in addition to the rows; empty where there is none."""
    return [table.id_column, table.time_column, work.day] if table.compares_ids else []


def _require_planned(work: Work, files: Sequence[SourceItem], plan: Plan) -> None:
    names = [file.name for file in files]
    planned = [name for name in plan.inputs if name not in {*plan.made_from, ERASED}]
    if names != planned:
        raise SourceNotReadyError(
            f"{work.report.work}: the source's files changed while they were read, from "
            f"{len(planned)} to {len(names)}. Expected a complete delivery. Run it again."
        )
