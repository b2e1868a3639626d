"""Send published runs to MLflow again where it lost them or never received them.

Why: a published training is not done again, so a lost database, or a server that was unreachable, would
    never get its run.
Promise: an existing run is not changed; an error of MLflow never fails the work.
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
from pipelines.shared.tracking.tracker import PATIENCE, tracking_uri


def resend_missing(work: Work, manifest: Manifest, pattern: str) -> None:
    """Send each published spool whose run is missing in MLflow.

    Args:
        work: The work that found the artifact published.
        manifest: The artifact.
        pattern: Glob pattern of the spools in it.
    """
    uri = tracking_uri(work)
    if not uri:
        return
    try:
        # Opening the artifact may have to download it.
        if _has(uri, work.registered_name, manifest.digest):
            return
        spools = sorted(work.store.open(manifest).glob(pattern))
        missing = [spool for spool in spools if not _was_sent(uri, spool)]
        _send(uri, missing)
    except (PipelineError, OSError, subprocess.SubprocessError) as error:
        work.report.log(f"MLflow at {uri} could not be sent the published runs again: {error}")
        return
    if missing:
        work.report.log(
            f"MLflow at {uri} was sent the published runs that it was missing: {len(missing)}"
        )


def _was_sent(uri: str, spool: Path) -> bool:
    lines, _ = read_lines(spool, 0)
    starts = [line for line in lines if line["kind"] == START]
    return not starts or _has(uri, starts[-1]["experiment"], starts[-1]["tags"]["digest"])


def _has(uri: str, experiment: str, digest: str) -> bool:
    with _patience():
        return has_run(uri, experiment, digest)


@contextmanager
def _patience() -> Iterator[None]:
    """Wait for an unreachable server no longer than the sender does."""
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
