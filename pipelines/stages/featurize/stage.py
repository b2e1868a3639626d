"""Stage ``featurize``: what a day's features depend on, and which days are due.

Why: a day's rows are in the windows of later days, so a day that arrives, changes or is
    refused late makes those days' features due as well; days may then come in any order.
Promise: nothing heavy is imported until ``run``; features follow from the digests in the plan.
Not here: making them (``day.py``), looking back (``lookback.py``).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import TransientError
from pipelines.core.events import evenly
from pipelines.core.store import Manifest
from pipelines.operators.operator import FeatureSource, Operator
from pipelines.operators.program import written
from pipelines.protocol import (
    ACCEPTED,
    REFUSED,
    Plan,
    StageOutcome,
    Work,
    code_by_class,
    code_of,
    dotted,
)
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.shared.tables.known_days import content_as_known, known_days
from pipelines.spec import Pipeline, Table
from pipelines.spec.reach import known_by, other_tables
from pipelines.stages.featurize.entity_program import Separation
from pipelines.stages.featurize.feature_plan import FeaturePlan, plan_features
from pipelines.stages.featurize.lookback import LookBack, ReadPartition
from pipelines.stages.featurize.reusable import reused_columns

if TYPE_CHECKING:
    from pipelines.stages.featurize.history import PartitionFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturizePlan(Plan):
    """What a day's features depend on.

    Attributes:
        features: What they are made of; no part of the digest, which has the declared features.
    """

    features: FeaturePlan


def due(work: Work) -> tuple[bool, list[str]]:
    """Whether the work's own day is ready, and which later days whose windows reach it are."""
    days = LookBack(work)
    return days.is_ready(work.day), days.later()


def require_ready(work: Work) -> None:
    """Raise what keeps the work's own day from being made; see ``LookBack.require_ready``."""
    LookBack(work).require_ready()


def plan(work: Work) -> FeaturizePlan:
    """The partition, those that it reads, and the declared features.

    Raises:
        InputMissingError: The partition was never validated.
        PartitionRefusedError: It was refused, or a static table that it reads.
        HistoryNotReadyError: Partitions that it reads have no verdict.
    """
    days = LookBack(work)
    days.require_ready()
    features = plan_features(work.pipeline)
    return FeaturizePlan(
        features=features,
        inputs=_inputs(days),
        config=_config(work.pipeline, features),
        code=_code(work.pipeline),
    )


def run(work: Work, plan: FeaturizePlan, out: Path) -> StageOutcome:
    """Make the day's features.

    Raises:
        TransientError: A day was validated again while this work was waiting for its turn.
        ArtifactError: A history file is not what the declaration says.
    """
    from pipelines.stages.featurize.day import make_day
    from pipelines.stages.featurize.history import DayInput

    *others, own = _files_as_planned(work, plan)
    static = {table.name for table in work.pipeline.tables if table.event_time is None}
    earlier = [each for each in others if each.table not in static]
    reused = reused_columns(work, plan)
    stored = sum(each.stored_bytes for each in (*earlier, own))

    def on_rows(read: int, to_read: int) -> None:
        of_bytes = evenly(read, to_read, stored)
        note = f"{len(earlier)} partitions before"
        work.report.progress(read, to_read, note=note, of_bytes=of_bytes)

    day = DayInput(
        features=plan.features,
        last_day=work.pipeline.partitions().last_day(work.day),
        known_by=known_by(work.pipeline, work.day),
        own=own,
        earlier=tuple(earlier),
        attributes={each.table: each for each in others if each.table in static},
        programs=plan.features.programs_without(reused.names if reused else ()),
        reused=reused,
    )
    found = make_day(day, out, ComputeSettings.from_options(work.options), on_rows)
    labelled = plan.features.label is not None
    metrics = {"positives": float(found["positives"])} if labelled else {}
    return StageOutcome(rows=found["rows"], metrics=metrics)


def _inputs(days: LookBack) -> dict[str, str]:
    """Digest of every partition that is read, by its name in the store."""
    work, own = days.work, days.manifest(days.own())
    cuts = known_days(own)
    found = {each.name: _content(days.manifest(each), cuts) for each in days.days(work.day)}
    found |= {days.own().name: _content(own, None)}
    # Rows that do not say when they were known were known when their partition was over.
    by = cuts or (known_by(work.pipeline, work.day),)
    return found | {
        each.name: _content(days.manifest(each), by) for each in days.others(work.day)
    }


def _content(manifest: Manifest | None, cuts: tuple[str, ...] | None) -> str:
    """Of the day itself everything counts, of the others what was known when its rows were."""
    if manifest is None or manifest.outcome["verdict"] == REFUSED:
        return REFUSED
    return manifest.content if cuts is None else content_as_known(manifest, cuts)


def _files_as_planned(work: Work, plan: Plan) -> "list[PartitionFiles]":
    """Files of the accepted partitions that are read, each table's oldest first, the own last."""
    days = LookBack(work)
    now = _inputs(days)
    changed = [name for name, content in plan.inputs.items() if now.get(name) != content]
    if changed:
        raise TransientError(
            f"{work.report.work}: {changed[0]} was published again while this work waited. "
            "Try again: the next try reads the new version."
        )
    reads = (*days.others(work.day), *days.days(work.day), days.own())
    found = ((each, days.manifest(each)) for each in reads)
    return [
        _files(work, each, manifest)
        for each, manifest in found
        if manifest is not None and manifest.outcome["verdict"] == ACCEPTED
    ]


def _files(work: Work, of: ReadPartition, manifest: Manifest) -> "PartitionFiles":
    from pipelines.shared.tables.history import history_name
    from pipelines.stages.featurize.history import PartitionFiles

    names = [history_name(entity.name) for entity in work.pipeline.entities]
    size = sum(manifest.files[name]["bytes"] for name in names if name in manifest.files)
    rows = int(manifest.outcome["rows"])
    return PartitionFiles(of.table, _distance(work, of), work.store.open(manifest), rows, size)


def _distance(work: Work, of: ReadPartition) -> Separation:
    """From the rows of a partition to those of the work's own."""
    pipeline = work.pipeline
    own = pipeline.partitions()
    theirs = pipeline.of_table(of.table or pipeline.examples).partitions()
    nearest = own.start(work.day) - theirs.end(of.partition)
    farthest = own.end(work.day) - theirs.start(of.partition)
    # The last row of a partition may be a second before its end.
    return Separation(int(nearest.total_seconds()) + 1, int(farthest.total_seconds()))


def _code(pipeline: Pipeline) -> dict[str, str]:
    """Of the stage, and by the declared sources: windows whose own code is the same are reused."""
    kinds = {type(source) for source in pipeline.sources() if source.names()}
    by_source = code_by_class([f"{__name__}.{run.__name__}"], (FeatureSource, Operator), kinds)
    return by_source | code_of(__name__, *sorted(dotted(kind) for kind in kinds))


def _config(pipeline: Pipeline, features: FeaturePlan) -> Mapping[str, Any]:
    """What features depend on beside rows: buckets and threads are not part of it."""
    own = _read_of(pipeline.table)
    return {
        # A source that adds no column is made of others, after this stage.
        "features": [written(s) for s in pipeline.sources() if s.names()],
        "keys": list(features.copied_columns),
        "entities": [asdict(entity) for entity in pipeline.entities],
        "columns": own["columns"],
        "known_time": own["known_time"],
        "other_tables": [_read_of(table) for table in other_tables(pipeline)],
        "time_zone": {"name": pipeline.time_zone, "offsets": features.clock()},
    }


def _read_of(table: Table) -> dict[str, Any]:
    columns = [{"name": c.name, "type": c.type, "decimals": c.decimals} for c in table.columns]
    return {"name": table.name, "columns": columns, "known_time": table.known_time}
