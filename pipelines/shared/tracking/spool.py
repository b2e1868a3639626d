"""The file between a training and its sender: one JSON line per record.

Why: records must outlive both processes, and cost the training no more than a write.
Promise: lines are complete, except that the last may be truncated by a kill and is then skipped; a
    line that is sent twice is one point, because it contains its own time.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SENT = ".sent"
START, METRICS, FILE, END = "start", "metrics", "file", "end"
COMPLETE, FAILED, PRUNED, STOPPED, KILLED = "complete", "failed", "pruned", "stopped", "killed"
"""How a training ends; only the sender reports the last."""
WAIT_S = 180.0
"""How long a training waits for its sender, and a sender runs on after its training."""


class Spool:
    """Appends lines; use it from one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, and terminate a truncated last line of an earlier try."""
        self.path = path
        truncated = (
            path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
        )
        self._file = path.open("a", buffering=1)
        if truncated:
            self._file.write("\n")

    def start(self, about: Mapping[str, Any]) -> None:
        """Record the run: ``experiment``, ``name``, ``tags``, ``params``, ``datasets``."""
        self._append(START, dict(about))

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Record metrics after a step."""
        self._append(METRICS, {"step": step, "values": dict(values)})

    def file(self, path: Path) -> None:
        """Record a file as an artifact of the run."""
        self._append(FILE, {"path": str(path)})

    def end(self, how: str, error: str = "") -> None:
        """Record how this try ended, and its error."""
        self._append(END, {"how": how, "error": error})
        self._file.close()

    def _append(self, kind: str, values: dict[str, Any]) -> None:
        line = {"kind": kind, "time_ms": int(time.time() * 1000), **values}
        self._file.write(json.dumps(line) + "\n")


def read_lines(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Complete lines from an offset on, and the offset after them; truncated ones are skipped."""
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    return list(_parsed(whole)), offset + len(whole)


def keep_offset(path: Path, offset: int) -> None:
    """Record atomically up to which offset a spool was sent."""
    sent = path.with_suffix(SENT)
    staged = path.with_suffix(f"{SENT}.staged")
    staged.write_text(json.dumps({"offset": offset}))
    staged.replace(sent)


def kept_offset(path: Path) -> int:
    """The offset up to which a spool was sent; 0 where none is recorded."""
    sent = path.with_suffix(SENT)
    return int(json.loads(sent.read_text())["offset"]) if sent.exists() else 0


def _parsed(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # truncated by a kill; the next try terminated the line
