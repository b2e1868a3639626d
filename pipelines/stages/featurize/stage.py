"""Stage ``featurize``: what a day's features depend on, and which days are due.

Why: a day's rows are in the windows of later days, so a day that arrives, changes or is
    refused late makes those days' features due as well; days may then come in any order.
Promise: nothing heavy is imported until ``run``; features follow from the digests in the plan.
Not here: making them (``day.py``), looking back (``lookback.py``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.days import days_between, shift
from pipelines.core.errors import TransientError
from pipelines.core.events import evenly
from pipelines.core.store import Manifest, digest_of
from pipelines.operators import Sequence, Trailing
from pipelines.operators.operator import FeatureSource, Operator
from pipelines.operators.program import written
from pipelines.protocol import (
    ACCEPTED,
    REFUSED,
    VALIDATED,
    Plan,
    StageOutcome,
    Work,
    code_by_class,
    code_of,
    dotted,
    same_code,
)
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.shared.tables.known_days import content_as_known, known_days
from pipelines.spec import Pipeline
from pipelines.stages.featurize.feature_plan import FeaturePlan, plan_features
from pipelines.stages.featurize.lookback import LookBack

if TYPE_CHECKING:
    from pipelines.stages.featurize.history import DayFiles
    from pipelines.stages.featurize.reused import ReusedColumns

READ_BY_ALL = ("keys", "entities", "columns", "known_time", "time_zone")


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
    """The day, the accepted days it looks back on, and the declared features.

    Raises:
        InputMissingError: The day was never validated.
        PartitionRefusedError: It was refused.
        HistoryNotReadyError: Days it looks back on have no verdict.
        DeclarationError: The declaration asks for what cannot be computed.
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

    *earlier, own = _files_as_planned(work, plan)
    reused = _reused(work, plan)
    stored = sum(day.stored_bytes for day in (*earlier, own))

    def on_rows(read: int, to_read: int) -> None:
        of_bytes = evenly(read, to_read, stored)
        work.report.progress(read, to_read, note=f"{len(earlier)} days back", of_bytes=of_bytes)

    day = DayInput(
        features=plan.features,
        last_day=work.pipeline.partitions().last_day(work.day),
        own=own,
        earlier=tuple(earlier),
        programs=plan.features.programs_without(reused.names if reused else ()),
        reused=reused,
    )
    found = make_day(day, out, ComputeSettings.from_options(work.options), on_rows)
    return StageOutcome(rows=found["rows"], metrics={"positives": float(found["positives"])})


def _inputs(days: LookBack) -> dict[str, str]:
    own = days.manifest(days.work.day)
    cuts = known_days(own)
    earlier = days.days(days.work.day)
    found = {f"{VALIDATED}/ds={day}": _content(days.manifest(day), cuts) for day in earlier}
    return found | {f"{VALIDATED}/ds={days.work.day}": _content(own, None)}


def _content(manifest: Manifest | None, cuts: tuple[str, ...] | None) -> str:
    """Of the day itself everything counts, of the others what was known when its rows were."""
    if manifest is None or manifest.outcome["verdict"] == REFUSED:
        return REFUSED
    return manifest.content if cuts is None else content_as_known(manifest, cuts)


def _files_as_planned(work: Work, plan: Plan) -> "list[DayFiles]":
    """Files of the accepted days, oldest first, the day itself last."""
    from pipelines.shared.tables.history import history_name
    from pipelines.stages.featurize.history import DayFiles

    days, names = LookBack(work), [history_name(each.name) for each in work.pipeline.entities]
    now = _inputs(days)
    changed = [name for name, content in plan.inputs.items() if now.get(name) != content]
    if changed:
        raise TransientError(
            f"{work.report.work}: {changed[0]} was published again while this work waited. "
            "Try again: the next try reads the new version."
        )
    found = []
    for back, day in enumerate(reversed([*days.days(work.day), work.day])):
        manifest = days.manifest(day)
        if manifest is not None and manifest.outcome["verdict"] == ACCEPTED:
            rows = int(manifest.outcome["rows"])
            size = sum(
                manifest.files[name]["bytes"] for name in names if name in manifest.files
            )
            found.append(DayFiles(back, work.store.open(manifest), rows, size))
    return found[::-1]


def _reused(work: Work, plan: Plan) -> "ReusedColumns | None":
    """Windows and sequences that the published version has of the same rows and declaration."""
    from pipelines.stages.featurize.reused import ReusedColumns

    old = work.store.find_intact(work.partition_ref("features"))
    if old is None or any(old.config.get(n) != plan.config[n] for n in READ_BY_ALL):
        return None
    usable = (s for s in _declared_before(work, old) if _same_rows_and_code(work, plan, old, s))
    names = frozenset(name for source in usable for name in source.names())
    return ReusedColumns(work.store.open(old), names) if names else None


def _declared_before(work: Work, old: Manifest) -> Iterator[Trailing | Sequence]:
    """Windows and sequences that a published version was made with."""
    before = {digest_of(feature) for feature in old.config["features"]}
    for source in work.pipeline.sources():
        if isinstance(source, Trailing | Sequence) and digest_of(written(source)) in before:
            yield source


def _same_rows_and_code(
    work: Work, plan: Plan, old: Manifest, source: Trailing | Sequence
) -> bool:
    """Whether the day's rows, and of the days it reaches back to what they can see, are the same.

    With known times the plan's inputs are just that: the day's own, every version and when it
    was known, and the other days' as known by the ends of the days on which its rows were.
    """
    days = days_between(shift(work.day, -source.look_back_days()), work.day)
    inputs = [f"{VALIDATED}/ds={day}" for day in days]
    return all(old.inputs.get(name) == plan.inputs.get(name) for name in inputs) and same_code(
        old.code, plan.code, {type(source)}
    )


def _code(pipeline: Pipeline) -> dict[str, str]:
    """Of the stage, and by the declared sources: windows whose own code is the same are reused."""
    kinds = {type(source) for source in pipeline.sources() if source.names()}
    by_source = code_by_class([f"{__name__}.{run.__name__}"], (FeatureSource, Operator), kinds)
    return by_source | code_of(__name__, *sorted(dotted(kind) for kind in kinds))


def _config(pipeline: Pipeline, features: FeaturePlan) -> Mapping[str, Any]:
    """What features depend on beside rows: buckets and threads are not part of it."""
    columns = [
        {"name": c.name, "type": c.type, "decimals": c.decimals} for c in pipeline.table.columns
    ]
    return {
        # A source that adds no column is made of others, after this stage.
        "features": [written(s) for s in pipeline.sources() if s.names()],
        "keys": list(features.copied_columns),
        "entities": [asdict(entity) for entity in pipeline.entities],
        "columns": columns,
        "known_time": pipeline.table.known_time,
        "time_zone": {"name": pipeline.time_zone, "offsets": features.clock()},
    }
