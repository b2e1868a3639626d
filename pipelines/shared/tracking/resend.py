"""Runs that MLflow has no more, or never had, told again from what was published.

Why: a published training is not done again, so a lost database, or a server that was away, would never
    know of it.
Promise: a run that is there is left as it is; MLflow never fails the work that asks.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.errors import PipelineError
from pipelines.core.store import Manifest
from pipelines.protocol import Work
from pipelines.shared.registry import has_run
from pipelines.shared.tracking.spool import START, WAIT_S, read_lines
from pipelines.shared.tracking.tracker import PATIENCE, uri_told


def tell_missing(work: Work, manifest: Manifest, pattern: str) -> None:
    """Send each published spool whose run MLflow has not.

    Args:
        work: The work that found the artifact published.
        manifest: The artifact.
        pattern: Where its spools lie in it.
    """
    uri = uri_told(work)
    if not uri:
        return
    try:
        # A look at the artifact may have to fetch it.
        if _has(uri, work.pipeline.name, manifest.digest):
            return
        spools = sorted(work.store.open(manifest).glob(pattern))
        missing = [spool for spool in spools if not _is_told(uri, spool)]
        _send(uri, missing)
    except (PipelineError, OSError, subprocess.SubprocessError) as error:
        work.report.log(
            f"MLflow at {uri} could not be told again of what is published: {error}"
        )
        return
    if missing:
        work.report.log(
            f"MLflow at {uri} was told again of runs that it had not: {len(missing)}"
        )


def _is_told(uri: str, spool: Path) -> bool:
    lines, _ = read_lines(spool, 0)
    starts = [line for line in lines if line["kind"] == START]
    return not starts or _has(uri, starts[-1]["experiment"], starts[-1]["tags"]["digest"])


def _has(uri: str, experiment: str, digest: str) -> bool:
    with _patience():
        return has_run(uri, experiment, digest)


@contextmanager
def _patience() -> Iterator[None]:
    """Wait for a server that is away no longer than the sender does."""
    added = {name: value for name, value in PATIENCE.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _send(uri: str, spools: Iterable[Path]) -> None:
    for spool in spools:
        subprocess.run(
            [sys.executable, "-m", "pipelines.shared.tracking.sender", uri, str(spool)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=PATIENCE | os.environ,
            timeout=WAIT_S,
            check=True,
        )
