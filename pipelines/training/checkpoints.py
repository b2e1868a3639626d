"""Checkpoints: everything a run needs to go on as if it had never been killed.

Why: an object checkpoint of model and optimiser silently leaves out the dropout seeds, so the
    variables are listed one by one.
Promise: a checkpoint is whole or absent (written aside, then renamed); the cursor lies in the
    same folder as the variables it belongs to; the last two are kept.
Not here: when to write one (``loop.py``).
"""

import json
import os
import shutil
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipelines.errors import TrainingError
from pipelines.training.batches import Cursor

KEEP = 2
STATE = "state.json"
REACHED = "reached"


@dataclass(frozen=True, slots=True)
class Saved:
    """What was found of an earlier try.

    Attributes:
        cursor: Where it goes on.
        devices: What it trained on, as text.
        lost_steps: Steps it had done beyond the checkpoint.
    """

    cursor: Cursor
    devices: str
    lost_steps: int


class Checkpoints:
    """The checkpoints of one run, in a folder that outlives a kill."""

    def __init__(self, folder: Path, model: Any, optimizer: Any, devices: str) -> None:
        """Take the folder over; removes what a killed save left."""
        self._folder, self._devices = folder, devices
        # `variables`, not `weights`: the dropout seeds are in the former alone.
        variables = [*model.variables, *optimizer.variables]
        self._paths = [v.path for v in variables]
        named = {f"v{n:04d}": v.value for n, v in enumerate(variables)}
        self._checkpoint = tf.train.Checkpoint(**named)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("aside-*"):
            shutil.rmtree(left)
        self._reached = os.open(folder / REACHED, os.O_RDWR | os.O_CREAT, 0o644)

    def mark(self, step: int) -> None:
        """Note the last finished step, so that a later try can say what was lost."""
        os.pwrite(self._reached, struct.pack("<q", step), 0)

    def save(self, cursor: Cursor) -> None:
        """Write a checkpoint and drop all but the last two."""
        final = self._folder / f"step-{cursor.step:012d}"
        if final.exists():
            return
        aside = self._folder / f"aside-{cursor.step}-{os.getpid()}"
        aside.mkdir()
        self._checkpoint.write(str(aside / "variables"))
        state = {"cursor": asdict(cursor), "variables": self._paths, "devices": self._devices}
        (aside / STATE).write_text(json.dumps(state))
        aside.rename(final)
        for old in self._steps()[:-KEEP]:
            shutil.rmtree(old)

    def restore(self) -> Saved | None:
        """Put the newest checkpoint into the variables, or return None if there is none.

        Raises:
            TrainingError: It holds other variables than this network's.
        """
        found = self._steps()
        if not found:
            return None
        state = json.loads((found[-1] / STATE).read_text())
        if state["variables"] != self._paths:
            raise TrainingError(
                f"{found[-1]} holds {len(state['variables'])} variables that are not this network's "
                f"{len(self._paths)}. Delete that folder to train from the start."
            )
        self._checkpoint.read(str(found[-1] / "variables")).assert_consumed()
        raw = state["cursor"]
        cursor = Cursor(**raw | {"losses": tuple(raw["losses"])})
        return Saved(cursor, state["devices"], max(self._read_reached() - cursor.step, 0))

    def _steps(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"))

    def _read_reached(self) -> int:
        raw = os.pread(self._reached, 8, 0)
        return int(struct.unpack("<q", raw)[0]) if len(raw) == 8 else 0  # noqa: PLR2004  bytes
