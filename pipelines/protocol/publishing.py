"""Making one artifact in a staging directory and publishing it with its manifest.

Why: a stage's own artifact, and what it keeps beside it for later work, must be published alike.
Promise: the caller holds the artifact's lock; what a kill left is swept first; readers see the
    artifact, or the one before: publishing is atomic.
Not here: whether it must be made (``perform.py``).
"""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.core.memory import peak_memory_bytes
from pipelines.core.store import Manifest, Ref, describe_files, digest_of
from pipelines.core.store.code_units import write_units
from pipelines.protocol.identity import units_of
from pipelines.protocol.work import Plan, StageOutcome, Work


def publish_work(
    work: Work, stage: str, ref: Ref, plan: Plan, make: Callable[[Path], StageOutcome]
) -> Manifest:
    """Call ``make`` on an empty folder, and publish what it wrote there.

    Args:
        work: Where to publish.
        stage: Name of the stage that is to be run again should the artifact be damaged.
        ref: What is published.
        plan: What it depends on.
        make: Writes the files and returns the outcome.
    """
    started, cpu = time.monotonic(), _cpu_seconds()
    work.store.sweep(ref)
    work.store.record_inputs(ref, plan.inputs)
    with work.store.staging(ref, plan.digest()) as out:
        outcome = make(out)
        files = describe_files(out, outcome.volatile)
        manifest = Manifest(
            pipeline=ref.pipeline,
            dataset=ref.dataset,
            key=ref.key,
            stage=stage,
            digest=plan.digest(),
            inputs=plan.inputs,
            config=plan.config,
            code=plan.code,
            content=digest_of({"files": files, "outcome": outcome.facts()}),
            files=files,
            volatile=outcome.volatile,
            outcome=outcome.facts(),
            made=_made(started, cpu, outcome),
        )
        for digest, units in units_of(plan.code).items():
            write_units(work.store, ref.pipeline, digest, units)
        return work.store.publish(out, manifest)


def _made(started: float, cpu: float, outcome: StageOutcome) -> dict[str, Any]:
    seconds = time.monotonic() - started
    missing = dict(outcome.pages_missing)
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(_cpu_seconds() - cpu, 3),
        "rows_per_s": round(outcome.rows / max(seconds, 1e-9), 1),
        "peak_memory_bytes": peak_memory_bytes(),
        **({"pages_missing": missing} if missing else {}),
        **({"noted": outcome.noted} if outcome.noted else {}),
    }


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)
