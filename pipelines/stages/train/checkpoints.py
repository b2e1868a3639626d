"""Checkpoints: everything that a run needs to resume as if it had not been killed.

Why: an object checkpoint of model and optimiser silently omits the dropout seeds, so the
    variables are listed one by one.
Promise: a checkpoint is atomic (written to a staging directory, flushed to disk, then renamed) and has
    checksums; the cursor is stored with the variables it belongs to; training waits for a copy in
    memory, never for the disk; a damaged checkpoint is skipped for the previous one.
Not here: when to write one (``loop.py``).
"""

import json
import os
import shutil
import struct
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import TrainingError
from pipelines.core.store.durable import make_durable, make_names_durable
from pipelines.stages.train.cursor import Cursor

STATE = "state.json"
VALUES = "values.npy"  # one array after another: one file to flush, not one for each variable
REACHED = "reached"

Values = list[NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSettings:
    """Settings of a run's checkpoints.

    Attributes:
        digest: Digest of the work; a checkpoint of another work is refused.
        devices: Devices of the run, as text.
        newest: Number of checkpoints to keep.
    """

    digest: str
    devices: str
    newest: int = 2


@dataclass(frozen=True, slots=True)
class RestoredState:
    """The state of an earlier try.

    Attributes:
        cursor: Position to resume from.
        devices: Devices that it trained on, as text.
        lost_steps: Steps it had done after the checkpoint.
        damaged: Names of newer checkpoints that could not be read.
    """

    cursor: Cursor
    devices: str
    lost_steps: int
    damaged: tuple[str, ...] = ()


class Checkpoints:
    """The checkpoints of one run, in a folder that outlives a kill."""

    def __init__(
        self,
        folder: Path,
        variables: Sequence[Any],
        weights: Sequence[Any],
        settings: CheckpointSettings,
    ) -> None:
        """Open the folder; staging directories of killed saves are removed.

        Args:
            folder: Folder of the checkpoints.
            variables: Everything that a step changes: dropout seeds, optimiser, loss scale.
            weights: Variables of the model, also saved for the best epoch.
            settings: Their settings.
        """
        self._folder, self._settings = folder, settings
        self._variables, self._weights = list(variables), list(weights)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None
        self.saves, self.copy_s, self.write_s = 0, 0.0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("staging-*"):
            shutil.rmtree(left)
        self._reached = os.open(folder / REACHED, os.O_RDWR | os.O_CREAT, 0o644)

    def mark(self, step: int) -> None:
        """Record the last finished step, so that a later try can report lost steps."""
        os.pwrite(self._reached, struct.pack("<q", step), 0)

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._writing is not None and not self._writing.done()

    def save(self, cursor: Cursor) -> None:
        """Copy the state now and write it in a thread.

        Raises:
            OSError: The previous checkpoint could not be written.
        """
        self.wait()
        began = time.monotonic()
        values = [_value(v) for v in self._variables]
        self.copy_s += time.monotonic() - began
        self._writing = self._writer.submit(self._write, cursor, values)

    def wait(self) -> None:
        """Wait until the last save is written."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def keep_best(self, epoch: int) -> None:
        """Keep the model's weights as those of the best epoch so far."""
        self.wait()
        _publish(self._folder, f"best-{epoch:06d}", {}, [_value(v) for v in self._weights])

    def restore_best(self, epoch: int) -> None:
        """Load the best epoch's weights into the model."""
        _, values = _read(self._folder / f"best-{epoch:06d}")
        _assign(self._weights, values)

    def last_finite(self) -> str:
        """Folder of the newest checkpoint with finite values only, or ``none yet``.

        A step with a finite loss can make weights non-finite that are saved before the next step.
        """
        self.wait()
        return next((str(f) for f in reversed(self._steps()) if _is_finite(f)), "none yet")

    def restore(self) -> RestoredState | None:
        """Load the newest undamaged checkpoint into the variables; None if there is none.

        Raises:
            TrainingError: It has other variables than this network, or is of another work.
        """
        damaged: list[str] = []
        for found in reversed(self._steps()):
            try:
                state, values = _read(found)
            except (OSError, EOFError, ValueError, KeyError):
                damaged.append(found.name)
                shutil.rmtree(found)
                continue
            self._require_same_work(found, state)
            _assign(self._variables, values)
            cursor = Cursor.from_json(state["cursor"])
            for best in self._bests():
                # Of lost steps: they are repeated, perhaps on other devices.
                if int(best.name[5:]) > cursor.epoch:
                    shutil.rmtree(best)
            lost = max(self._read_reached() - cursor.step, 0)
            return RestoredState(cursor, state["devices"], lost, tuple(damaged))
        return None

    def _require_same_work(self, found: Path, state: dict[str, Any]) -> None:
        if state["digest"] != self._settings.digest:
            raise TrainingError(
                f"{found} belongs to work {state['digest'][:16]}, and this is "
                f"{self._settings.digest[:16]}: other settings, inputs or code. Delete that folder "
                f"to train from the start."
            )
        paths = [v.path if hasattr(v, "path") else v.name for v in self._variables]
        if state["variables"] != paths:
            raise TrainingError(
                f"{found} holds {len(state['variables'])} variables that are not this network's "
                f"{len(paths)}. Delete that folder to train from the start."
            )

    def _write(self, cursor: Cursor, values: Values) -> None:
        began = time.monotonic()
        paths = [v.path if hasattr(v, "path") else v.name for v in self._variables]
        state = {
            "cursor": cursor.to_json(),
            "variables": paths,
            "digest": self._settings.digest,
            "devices": self._settings.devices,
        }
        _publish(self._folder, f"step-{cursor.step:012d}-{cursor.epoch:06d}", state, values)
        self._drop_old()
        self.saves += 1
        self.write_s += time.monotonic() - began

    def _drop_old(self) -> None:
        steps = self._steps()
        for old in steps[: -self._settings.newest]:
            shutil.rmtree(old)
        kept = steps[-self._settings.newest :]
        needed = [json.loads((s / STATE).read_text())["cursor"]["best_epoch"] for s in kept]
        for best in self._bests():
            if int(best.name[5:]) < max(needed) and int(best.name[5:]) not in needed:
                shutil.rmtree(best)

    def _bests(self) -> list[Path]:
        return sorted(self._folder.glob("best-*"))

    def _steps(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"))

    def _read_reached(self) -> int:
        raw = os.pread(self._reached, 8, 0)
        return int(struct.unpack("<q", raw)[0]) if len(raw) == 8 else 0  # noqa: PLR2004  bytes


def _value(variable: Any) -> NDArray[Any]:
    """A copy of a variable; of a mirrored one, the copy of the first replica."""
    held = getattr(variable, "value", variable)
    held = held if hasattr(held, "numpy") else variable
    return np.array(held.numpy())


def _assign(variables: Sequence[Any], values: Values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _publish(folder: Path, name: str, state: dict[str, Any], values: Values) -> None:
    """Write a folder atomically and flush it to disk; an existing one stays."""
    final, staging = folder / name, folder / f"staging-{name}-{os.getpid()}"
    if final.exists():
        return
    staging.mkdir()
    sums = [zlib.crc32(np.ascontiguousarray(value).data) for value in values]
    with (staging / VALUES).open("wb") as file:
        for value in values:
            np.save(file, value, allow_pickle=False)
    (staging / STATE).write_text(json.dumps(state | {"crc32": sums}))
    # Before the rename, or a power failure could leave the name without its contents.
    make_durable(staging)
    staging.rename(final)
    make_names_durable(folder)


def _is_finite(folder: Path) -> bool:
    try:
        _, values = _read(folder)
    except (OSError, EOFError, ValueError, KeyError):
        return False
    return all(bool(np.isfinite(value).all()) for value in values)


def _read(folder: Path) -> tuple[dict[str, Any], Values]:
    """Read the state and the arrays of a folder.

    Raises:
        ValueError: A checksum differs.
    """
    state = json.loads((folder / STATE).read_text())
    with (folder / VALUES).open("rb") as file:
        values = [np.load(file, allow_pickle=False) for _ in state["crc32"]]
    if [zlib.crc32(np.ascontiguousarray(v).data) for v in values] != state["crc32"]:
        raise ValueError(f"{folder} is damaged: a checksum is not that of its file")
    return state, values
