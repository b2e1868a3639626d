"""Check a model's golden rows before it is registered.

Why: the serving graph contains its own preprocessing; if that differs from training's, every served
    score is silently wrong.
Promise: the model is loaded in a clean process without Millrace's code and without GPUs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from pipelines.core.causes import cause_of_text
from pipelines.core.errors import ArtifactError, PipelineError
from pipelines.core.oom_kills import OomKills, killed_helper, oom_kills
from pipelines.shared.compute.machine import NO_GPU
from pipelines.shared.compute.tensorflow import PINNED

TOLERANCE = 1e-4
CHECK = Path(__file__).with_name("golden_check.py")


def check_golden(model: Path) -> str:
    """Compare the predictions, and return the result as one sentence.

    Raises:
        ArtifactError: The model does not load, or its predictions of the golden rows differ.
        OutOfMemoryError: The checking process ran out of memory, or was most likely killed for it.
        WorkerLostError: The checking process was killed by something else.
    """
    kills = oom_kills()
    ran = subprocess.run(
        [sys.executable, "-I", str(CHECK), str(model)],
        capture_output=True,
        text=True,
        check=False,
        cwd=model,
        env={**os.environ, **NO_GPU, **PINNED},
    )
    if ran.returncode != 0:
        raise _failure(model, ran, kills)
    found = json.loads(ran.stdout.splitlines()[-1])
    if found["missing"] or not found["difference"] <= TOLERANCE:
        raise ArtifactError(
            f"{model / 'saved_model'} predicts other values for its {found['rows']} golden rows than the "
            f"training did: largest difference {found['difference']:.2g}, expected at most "
            f"{TOLERANCE:g}; outputs missing or unexpected: {found['missing'] or 'none'}. Preprocessing "
            f"and serving disagree: do not use it, and train it again."
        )
    return f"{found['rows']} golden rows agree to {found['difference']:.1g}"


def _failure(
    model: Path, ran: "subprocess.CompletedProcess[str]", kills: OomKills
) -> PipelineError:
    """The error of a check without a result; one that was killed does not blame the model."""
    if ran.returncode < 0:
        return killed_helper("the check of the golden rows", -ran.returncode, kills)
    last_line = (ran.stderr.strip().splitlines() or ["no message"])[-1]
    if known := cause_of_text(last_line):
        cls, remedy = known
        return cls(f"the check of the golden rows of {model} ended with: {last_line}. {remedy}")
    return ArtifactError(
        f"{model / 'saved_model'} does not load in a clean process: {last_line}. Train it again."
    )
