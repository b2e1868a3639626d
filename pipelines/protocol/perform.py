"""The one way a stage's work is done: plan, look it up, do it in a staging directory, publish, report.

Why: the scheduler, a retry, a backfill and the command line must get the same artifact, and
    a kill at any point must leave nothing half-written.
Promise: work whose digest is published is not done again, unless what was published is damaged, or
    what it did outside the store (a registry's version) is gone; two processes never do the same work
    at once on one machine; a refused partition is recorded before it is raised.
Not here: processes (``pipelines/process/``), what a stage does (its package).
"""

import importlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from pipelines.core.errors import (
    PartitionRefusedError,
    PermanentError,
    PipelineError,
    rebuild,
)
from pipelines.core.events import reporting
from pipelines.core.store import Manifest, Ref
from pipelines.core.store.branch_store import MADE_ON
from pipelines.core.store.branches import begin
from pipelines.core.text import counted
from pipelines.protocol.pages import MISSING, still_missing, with_pages, without
from pipelines.protocol.publishing import publish_work
from pipelines.protocol.stage import Stage
from pipelines.protocol.work import REFUSED, Plan, StageModule, Work, ref_of

Result = dict[str, Any]

log = logging.getLogger("millrace")


def perform(stage: Stage, work: Work, *, reach: bool = True) -> Result:
    """Do a stage's work, or find it done.

    A stage whose result reaches on (``featurize``: a day's rows are in later days' windows;
    ``validate``: a day's ids may be repeated by later days) also does the later days that this
    one makes due. One whose later results look back on it (``watch``: a cool-down) has
    ``followers(work)``, which names those to be looked at again once it is published.

    Args:
        stage: What to do.
        work: On what.
        reach: Whether to do later days as well; a caller that does days in order needs it
            for the last one alone.

    Returns:
        Short JSON: what was published, its digests, and how long it took.

    Raises:
        PartitionRefusedError: The stage refused the partition; what it found is published.
        HistoryNotReadyError: Earlier partitions must be validated first; theirs will do this one.
    """
    module = cast("Any", importlib.import_module(stage.module))
    begin(work.store, work.pipeline.name)
    also = dict[str, tuple[Manifest, Result]]()
    try:
        if reach and hasattr(module, "due"):
            _do_due(stage, module, work, also)
        manifest, result = _settled(stage, module, work)
        if hasattr(module, "followers"):
            for day in module.followers(work):
                also[day] = _settled(stage, module, _named(stage, work.on(day)))
        fresh = _fresh(also)
        return _logged(work, (manifest, result | {"also": fresh} if fresh else result))
    except PipelineError:
        if fresh := _fresh(also):  # there is no result that would say so
            work.report.also(fresh)
        raise


def _do_due(
    stage: Stage, module: Any, work: Work, also: dict[str, tuple[Manifest, Result]]
) -> None:
    """Do the later partitions that this one makes due, and require that its own can be done."""
    own, later = module.due(work)
    for day in later:
        also[day] = _settled(stage, module, _named(stage, work.on(day)))
    if not own:
        module.require_ready(work)


def _fresh(also: Mapping[str, tuple[Manifest, Result]]) -> list[str]:
    """The partitions that were done, and not found."""
    return [day for day, (_, done) in also.items() if not done["cached"]]


def refusal(stage: Stage, work: Work) -> Result | None:
    """The result of work that this very stage refused; None where it published no refusal."""
    manifest = work.find(ref_of(stage, work))
    if manifest is None or manifest.outcome.get("verdict") != REFUSED:
        return None
    return _result(work, manifest, cached=True)


def _named(stage: Stage, work: Work) -> Work:
    report = replace(work.report, work=f"{stage.name} {ref_of(stage, work).key}")
    return replace(work, report=report)


def _settled(stage: Stage, module: StageModule, work: Work) -> tuple[Manifest, Result]:
    """Do work again that a publication made due while it was done.

    Who published it looked for days that it makes due before this one could be seen.
    """
    manifest, result = _perform_one(stage, module, work)
    settles = getattr(module, "SETTLES", False)
    while settles and module.plan(work).digest() != manifest.digest:
        manifest, result = _perform_one(stage, module, work)
    return manifest, result


def _perform_one(stage: Stage, module: StageModule, work: Work) -> tuple[Manifest, Result]:
    plan = module.plan(work)
    ref = ref_of(stage, work)
    found = published(work, ref, plan)
    if found is not None and _stands(module, work, plan, found):
        work.store.confirm(found)
        return found, _result(work, found, cached=True)
    with work.store.lock(ref):
        # While this one waited, another process may have published this, or what it reads.
        plan = module.plan(work)
        found = published(work, ref, plan)
        if found is None:
            found = _finished_before(work, ref, plan)
        if found is not None and _stands(module, work, plan, found):
            return found, _result(work, found, cached=True)
        damage = work.store.why_again(ref, plan.digest())
        if damage:
            work.report.log(f"{damage}. It is made again.")
        manifest = _do(stage, module, work, plan, ref)
    return manifest, _result(work, manifest, cached=False)


def published(work: Work, ref: Ref, plan: Plan) -> Manifest | None:
    """The artifact that this very work has published, if every file of it is whole."""
    digest = plan.digest()
    pointed = work.store.pointed_at(ref, digest)
    return None if pointed is None else work.store.find_whole(ref, digest)


def _stands(module: StageModule, work: Work, plan: Plan, manifest: Manifest) -> bool:
    """Whether what the work did outside the store, if anything, is still there."""
    check = getattr(module, "effects_stand", None)
    if check is None or check(work, plan, manifest):
        return True
    log.info(
        "%s: published, and not found as it left things outside the store", work.report.work
    )
    return False


def _finished_before(work: Work, ref: Ref, plan: Plan) -> Manifest | None:
    """A version killed before it was pointed at, or replaced since and asked for again."""
    manifest = work.store.find_whole(ref, plan.digest())
    return None if manifest is None else work.store.point(manifest)


def _do(stage: Stage, module: StageModule, work: Work, plan: Plan, ref: Ref) -> Manifest:
    with reporting(work.report):
        manifest = publish_work(
            work,
            stage.name,
            ref,
            plan,
            lambda out: with_pages(module, work, out, module.run(work, plan, out)),
        )
    work.store.drop_scratch(ref, plan.digest())
    return manifest


def _result(work: Work, manifest: Manifest, *, cached: bool) -> Result:
    missing = still_missing(work, manifest)
    made = {
        name: value for name, value in manifest.made.items() if name not in (MISSING, MADE_ON)
    }
    return {
        "stage": manifest.stage,
        "pipeline": manifest.pipeline,
        "key": manifest.key,
        "uri": work.store.uri_of(manifest),
        "digest": manifest.digest,
        "content": manifest.content,
        "cached": cached,
        **manifest.outcome,
        **made,
        **({MADE_ON: work.store.branch} if work.store.branch else {}),
        **({MISSING: missing} if missing else {}),
    }


def _logged(work: Work, done: tuple[Manifest, Result]) -> Result:
    manifest, result = done
    how = "found published" if result["cached"] else f"published in {result['seconds']:.1f} s"
    log.info("%s %s: %s, %s", manifest.stage, manifest.key, counted(result["rows"], "row"), how)
    if MISSING in result:
        lacking = without(manifest, work.store.address, result[MISSING])
        work.report.log(lacking, level=logging.WARNING)
    if result["verdict"] == REFUSED:
        message = f"{manifest.key}: refused. {result['reason']}"
        cls = result.get("refused_as", PartitionRefusedError.__name__)
        raise rebuild(cls, [message], message, PermanentError.__name__)
    return result
