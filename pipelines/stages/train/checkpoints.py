"""Checkpoints: everything a run needs to go on as if it had never been killed.

Why: an object checkpoint of model and optimiser silently leaves out the dropout seeds, so the
    variables are listed one by one.
Promise: a checkpoint is whole or absent (written aside, made durable, then renamed) and has checksums; the
    cursor lies in the folder of the variables it belongs to; training waits for a copy in memory,
    never for the disk; a damaged one is passed over for the one before.
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
VALUES = "values.npy"  # one array after another: one file to make durable, not one a variable
REACHED = "reached"

Values = list[NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What a run's checkpoints belong to, and how many are kept.

    Attributes:
        digest: Digest of the work; a checkpoint of another work is refused.
        devices: What the run trains on, as text.
        newest: Checkpoints to keep.
    """

    digest: str
    devices: str
    newest: int = 2


@dataclass(frozen=True, slots=True)
class Saved:
    """What was found of an earlier try.

    Attributes:
        cursor: Where it goes on.
        devices: What it trained on, as text.
        lost_steps: Steps it had done beyond the checkpoint.
        damaged: Names of newer checkpoints that could not be read.
    """

    cursor: Cursor
    devices: str
    lost_steps: int
    damaged: tuple[str, ...] = ()


class Checkpoints:
    """The checkpoints of one run, in a folder that outlives a kill."""

    def __init__(
        self, folder: Path, variables: Sequence[Any], weights: Sequence[Any], keeping: Keeping
    ) -> None:
        """Take the folder over; removes what a killed save left.

        Args:
            folder: Where they are kept.
            variables: Everything that a step changes: dropout seeds, optimiser, loss scale.
            weights: Those of the model, kept beside for the best epoch.
            keeping: What they belong to.
        """
        self._folder, self._keeping = folder, keeping
        self._variables, self._weights = list(variables), list(weights)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None
        self.saves, self.copy_s, self.write_s = 0, 0.0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("aside-*"):
            shutil.rmtree(left)
        self._reached = os.open(folder / REACHED, os.O_RDWR | os.O_CREAT, 0o644)

    def mark(self, step: int) -> None:
        """Note the last finished step, so that a later try can say what was lost."""
        os.pwrite(self._reached, struct.pack("<q", step), 0)

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return self._writing is not None and not self._writing.done()

    def save(self, cursor: Cursor) -> None:
        """Copy the state now and write it behind the run's back.

        Raises:
            OSError: The one before could not be written.
        """
        self.wait()
        began = time.monotonic()
        values = [_value(v) for v in self._variables]
        self.copy_s += time.monotonic() - began
        self._writing = self._writer.submit(self._write, cursor, values)

    def wait(self) -> None:
        """Wait until what was saved is published."""
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def keep_best(self, epoch: int) -> None:
        """Keep the model's weights as those of the best epoch so far."""
        self.wait()
        _publish(self._folder, f"best-{epoch:06d}", {}, [_value(v) for v in self._weights])

    def restore_best(self, epoch: int) -> None:
        """Put the best epoch's weights back into the model."""
        _, values = _read(self._folder / f"best-{epoch:06d}")
        _assign(self._weights, values)

    def last_finite(self) -> str:
        """Where the newest checkpoint lies that holds numbers only, or words for none.

        Weights can be spoilt by a step whose own loss was a number, and be saved before the next one.
        """
        self.wait()
        return next((str(f) for f in reversed(self._steps()) if _is_finite(f)), "none yet")

    def restore(self) -> Saved | None:
        """Put the newest whole checkpoint into the variables; None if there is none.

        Raises:
            TrainingError: It holds other variables than this network's, or is of another work.
        """
        damaged: list[str] = []
        for found in reversed(self._steps()):
            try:
                state, values = _read(found)
            except (OSError, EOFError, ValueError, KeyError):
                damaged.append(found.name)
                shutil.rmtree(found)
                continue
            self._require_ours(found, state)
            _assign(self._variables, values)
            cursor = Cursor.from_json(state["cursor"])
            for best in self._bests():
                # Of steps that were lost: they are taken again, perhaps on other devices.
                if int(best.name[5:]) > cursor.epoch:
                    shutil.rmtree(best)
            lost = max(self._read_reached() - cursor.step, 0)
            return Saved(cursor, state["devices"], lost, tuple(damaged))
        return None

    def _require_ours(self, found: Path, state: dict[str, Any]) -> None:
        if state["digest"] != self._keeping.digest:
            raise TrainingError(
                f"{found} belongs to work {state['digest'][:16]}, and this is "
                f"{self._keeping.digest[:16]}: other settings, inputs or code. Delete that folder "
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
            "digest": self._keeping.digest,
            "devices": self._keeping.devices,
        }
        _publish(self._folder, f"step-{cursor.step:012d}-{cursor.epoch:06d}", state, values)
        self._drop_old()
        self.saves += 1
        self.write_s += time.monotonic() - began

    def _drop_old(self) -> None:
        steps = self._steps()
        for old in steps[: -self._keeping.newest]:
            shutil.rmtree(old)
        kept = steps[-self._keeping.newest :]
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
    """A copy of a variable; of a mirrored one, its first mirror's, which all others equal."""
    held = getattr(variable, "value", variable)
    held = held if hasattr(held, "numpy") else variable
    return np.array(held.numpy())


def _assign(variables: Sequence[Any], values: Values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _publish(folder: Path, name: str, state: dict[str, Any], values: Values) -> None:
    """Write a folder aside, make it and its name durable; one that is there stays."""
    final, aside = folder / name, folder / f"aside-{name}-{os.getpid()}"
    if final.exists():
        return
    aside.mkdir()
    sums = [zlib.crc32(np.ascontiguousarray(value).data) for value in values]
    with (aside / VALUES).open("wb") as file:
        for value in values:
            np.save(file, value, allow_pickle=False)
    (aside / STATE).write_text(json.dumps(state | {"crc32": sums}))
    # Before the rename, or a power failure leaves the name without what it names.
    make_durable(aside)
    aside.rename(final)
    make_names_durable(folder)


def _is_finite(folder: Path) -> bool:
    try:
        _, values = _read(folder)
    except (OSError, EOFError, ValueError, KeyError):
        return False
    return all(bool(np.isfinite(value).all()) for value in values)


def _read(folder: Path) -> tuple[dict[str, Any], Values]:
    """What such a folder holds.

    Raises:
        ValueError: A checksum is not that of its file.
    """
    state = json.loads((folder / STATE).read_text())
    with (folder / VALUES).open("rb") as file:
        values = [np.load(file, allow_pickle=False) for _ in state["crc32"]]
    if [zlib.crc32(np.ascontiguousarray(v).data) for v in values] != state["crc32"]:
        raise ValueError(f"{folder} is damaged: a checksum is not that of its file")
    return state, values
