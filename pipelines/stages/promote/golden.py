"""Checking a model's golden rows before anybody can use it.

Why: the graph that is served holds its own preprocessing; if that differs from training's, every
    score in use is wrong without a word.
Promise: the model is loaded in a clean process that has none of our code and sees no GPU.
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
    """Compare, and say what was found in one sentence.

    Raises:
        ArtifactError: The model does not load, or says something else of its golden rows.
        OutOfMemoryError: The checking process was killed, most likely for memory, or found none.
        WorkerLostError: Something else ended it.
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
            f"{model / 'saved_model'} says something else of its {found['rows']} golden rows than the "
            f"training did: largest difference {found['difference']:.2g}, {TOLERANCE:g} is allowed; "
            f"outputs that differ: {found['missing'] or 'none'}. Preprocessing and serving disagree: "
            f"do not use it, and train it again."
        )
    return f"{found['rows']} golden rows agree to {found['difference']:.1g}"


def _failure(
    model: Path, ran: "subprocess.CompletedProcess[str]", kills: OomKills
) -> PipelineError:
    """What a check that came to no answer says of the model: nothing, where it was killed."""
    if ran.returncode < 0:
        return killed_helper("the check of the golden rows", -ran.returncode, kills)
    told = (ran.stderr.strip().splitlines() or ["no message"])[-1]
    if known := cause_of_text(told):
        cls, remedy = known
        return cls(f"the check of the golden rows of {model} ended with: {told}. {remedy}")
    return ArtifactError(
        f"{model / 'saved_model'} does not load in a clean process: {told}. Train it again."
    )
