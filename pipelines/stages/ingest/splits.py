"""Files for all time, read once and split by partition.

Why: one file with the rows of years must not be read once for each of its days.
Promise: the files are read again only if they, or the declared columns, changed; a partition's rows
    are in the files' order and are the same bytes as if they alone had been delivered; a partition
    whose rows did not change is not ingested again when the files grow. Memory is bounded by a
    block of rows and a row group, whatever the number of partitions.
Not here: sorting the rows by partition (``by_partition.py``), reading a file (``rows.py``).

The split is an artifact of its own, ``splits/table=<name>``: a folder for each partition with the files
that ingest publishes, which takes them over as hard links.
"""

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import PartitionRefusedError, SourceNotReadyError
from pipelines.core.events import reporting
from pipelines.core.store import Manifest, Ref, digest_of, file_digest
from pipelines.core.store.erased_keys import ErasedKeys
from pipelines.core.store.integrity import Verified
from pipelines.core.text import counted
from pipelines.protocol import REFUSED, Plan, StageOutcome, Work, code_of, publish_work
from pipelines.protocol.perform import published
from pipelines.shared.tables.erased_rows import ErasedRows
from pipelines.shared.tables.static_tables import contents_of
from pipelines.spec import Table
from pipelines.stages.ingest.delivery import Delivery
from pipelines.stages.ingest.reading import reads_of
from pipelines.stages.ingest.settings import ingest_settings
from pipelines.stages.ingest.sources.locate import SourceFile, source_files
from pipelines.stages.ingest.sources.source_item import SourceItem
from pipelines.stages.ingest.values.origin_rows import static_origins

if TYPE_CHECKING:
    from pipelines.stages.ingest.by_partition import PartitionSpill

DATASET, WITHOUT_TIME = "splits", "without-time.parquet"
ROWS, FIRST, LAST = "partition_rows", "first", "last"


def split_of(work: Work, table: Table) -> Manifest:
    """The split of a table's files, made if they changed since.

    Raises:
        SourceNotReadyError: A file changed, has gone, or is still being written.
    """
    ref = Ref(work.pipeline.name, DATASET, f"table={table.name}")
    plan = _plan(work, table)
    found = published(work, ref, plan)
    if found is not None:
        return found
    with work.store.lock(ref):
        plan = _plan(work, table)
        found = published(work, ref, plan) or work.store.find_whole(ref, plan.digest())
        if found is not None:
            return work.store.point(found)
        return publish_work(work, "ingest", ref, plan, lambda out: _split(work, plan, out))


def part_of(split: Manifest, partition: str) -> dict[str, str]:
    """A partition's part of a split by name, with the digest of its files.

    It is not the hash of a file, so that replaced splits, which nobody reads again, are not kept for it.
    """
    if split.outcome["verdict"] == REFUSED:
        return {f"{split.ref.path()} (refused)": digest_of(split.content)}
    found = _files_of(split, partition)
    name = f"{split.ref.path()}/ds={partition}"
    return {name: digest_of(found) if found else _without_rows(split, partition)}


def _files_of(split: Manifest, partition: str) -> dict[str, str]:
    return {
        name: str(facts["sha256"])
        for name, facts in split.files.items()
        if name.startswith(f"ds={partition}/")
    }


def take_part(work: Work, split: Manifest, out: Path) -> StageOutcome:
    """Publish a partition's files of a split as its ingested rows.

    Raises:
        SourceNotReadyError: The files end before the partition.
    """
    if split.outcome["verdict"] == REFUSED:
        return _refused(work, split, out)
    rows = split.outcome[ROWS].get(work.day, 0)
    if rows:
        _link(work.store.open(split) / f"ds={work.day}", out)
    else:
        _require_reached(work, split)
        _write_empty(work, out)
    return StageOutcome(rows=rows, metrics={"files": split.outcome["metrics"]["files"]})


def _without_rows(split: Manifest, partition: str) -> str:
    last = split.outcome[LAST]
    return "no rows" if last and partition < last else "not reached"


def _plan(work: Work, table: Table) -> Plan:
    static = static_origins(work)
    return Plan(
        inputs=_digests(work, source_files(work, table))
        | contents_of(static)
        | ErasedKeys.of(work.store, work.pipeline.name).inputs(f"{DATASET}/table={table.name}"),
        made_from=static,
        config={
            **ingest_settings(work.pipeline),
            "grain": table.grain,
            "unique_days": table.unique_days,
        },
        code=code_of(f"{__name__}.{_split.__name__}"),
    )


def _digests(work: Work, files: Sequence[SourceItem]) -> dict[str, str]:
    """Digest of each file; a local one is read only if it may have changed since it was last read."""
    ref = Ref(work.pipeline.name, DATASET, f"table={work.pipeline.table.name}")
    seen = Verified.of(work.store.folder(ref) / "source")
    found = {file.name: _digest(file, seen) for file in files}
    if work.store.folder(ref).is_dir():
        seen.save()
    return found


def _digest(file: SourceItem, seen: Verified) -> str:
    if isinstance(file, SourceFile) and file.remote is None:
        with suppress(OSError):
            return seen.sha256(file.path, Path(file.path))
    return file.digest()


def _split(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Read the files once; write each partition's rows into a folder of its own."""
    from pipelines.stages.ingest.by_partition import PartitionSpill
    from pipelines.stages.ingest.values.composites import joined

    table = work.pipeline.table
    delivery = Delivery(work, reads_of(work, plan, source_files(work, table)))
    erased = delivery.erased = ErasedRows.of(work.store, work.pipeline, joined)
    with PartitionSpill(work.pipeline, out) as spill:
        with reporting(work.report):
            delivery.read_files(lambda rows: spill.add(erased.without(rows)))
        delivery.check(table)
        if delivery.refused:
            return delivery.refused_outcome(out)
        outcome = _with_parts(delivery.outcome(out), spill, table, out)
        refusal = _too_many_without_time(work, outcome)
        if refusal is not None:
            delivery.refused[delivery.reads[0].name] = refusal
            for folder in out.glob("ds=*"):
                shutil.rmtree(folder)
            return delivery.refused_outcome(out)
    if outcome.reason:
        work.report.log(f"split of {table.name}: {outcome.reason}", level=logging.WARNING)
    _share_unchanged(work, out)
    return outcome


def _too_many_without_time(work: Work, outcome: StageOutcome) -> PartitionRefusedError | None:
    """The refusal of files whose rows without a time are more than the gate lets go to quarantine."""
    rule = f"{work.pipeline.table.time_column}.not_null"
    most, without = (
        work.pipeline.validation.max_quarantined_share,
        outcome.quarantined.get(rule, 0),
    )
    if without <= most * outcome.rows:
        return None
    return PartitionRefusedError(
        f"{without:,} of {counted(outcome.rows, 'row')} of the files for all time have no "
        f"{work.pipeline.table.time_column}, more than validation.max_quarantined_share = {most:.2%} "
        f"allows; they are in {WITHOUT_TIME}. Correct the source, or allow a larger share."
    )


def _share_unchanged(work: Work, out: Path) -> None:
    """Let files that the split before has too be the same ones on the disk, by hard links."""
    ref = Ref(work.pipeline.name, DATASET, f"table={work.pipeline.table.name}")
    before = work.store.find_intact(ref) if work.store.is_local else None
    if before is None:
        return
    folder = work.store.open(before)
    for name, facts in before.files.items():
        path = out / name
        same_size = path.is_file() and path.stat().st_size == facts["bytes"]
        if same_size and file_digest(path) == facts["sha256"]:
            path.unlink()
            _link_file(folder / name, path)


def _with_parts(
    outcome: StageOutcome, spill: "PartitionSpill", table: Table, out: Path
) -> StageOutcome:
    rows = spill.write_parts(out)
    without = spill.write_without_time(out / WITHOUT_TIME)
    rule = {f"{table.time_column}.not_null": without} if without else {}
    return replace(
        outcome,
        reason=" ".join(filter(None, (outcome.reason, _without_time(table, without)))),
        quarantined={**outcome.quarantined, **rule},
        details={ROWS: rows, FIRST: min(rows, default=""), LAST: max(rows, default="")},
    )


def _without_time(table: Table, rows: int) -> str:
    if not rows:
        return ""
    return (
        f"{counted(rows, 'row')} without {table.time_column} belong to no partition; they are in "
        f"{WITHOUT_TIME}."
    )


def _refused(work: Work, split: Manifest, out: Path) -> StageOutcome:
    from pipelines.stages.ingest.delivery import REFUSAL

    _link_file(work.store.open(split) / REFUSAL, out / REFUSAL)
    outcome: Mapping[str, str] = split.outcome
    return StageOutcome(
        rows=0,
        verdict=REFUSED,
        reason=outcome["reason"],
        refused_as=outcome.get("refused_as", PartitionRefusedError.__name__),
    )


def _require_reached(work: Work, split: Manifest) -> None:
    """Refuse to publish a partition without rows at which the files have not arrived."""
    first, last = split.outcome[FIRST], split.outcome[LAST]
    if last and work.day < last:
        return
    of = f"have rows of {first} to {last}" if last else "have no rows with a time"
    raise SourceNotReadyError(
        f"{work.report.work}: the files for all time of {work.pipeline.table.name} {of}, and none "
        f"of {work.pipeline.partitions().described(work.day)}. Wait for a delivery that reaches "
        f"it, or choose an earlier one."
    )


def _write_empty(work: Work, out: Path) -> None:
    from pipelines.stages.ingest.day import DayWriter

    DayWriter(work.pipeline, work.day, out).close()


def _link(folder: Path, out: Path) -> None:
    for path in sorted(folder.iterdir()):
        _link_file(path, out / path.name)


def _link_file(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, target)
