"""The file between a training and the process that sends it: one JSON line for each thing told.

Why: what is told must outlive both processes, and cost the training no more than a write.
Promise: lines are whole or, after a kill, the last one is torn and left out; a line sent twice
    is one point, as it carries its own time.
"""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SENT = ".sent"
START, METRICS, FILE, END = "start", "metrics", "file", "end"
COMPLETE, FAILED, PRUNED, STOPPED, KILLED = "complete", "failed", "pruned", "stopped", "killed"
"""How a training ends; nobody but the sender can tell the last."""
WAIT_S = 180.0
"""What a training waits for its sender, and a sender lives on after its training."""


class Spool:
    """Appends lines; to be used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, a torn last line of an earlier try closed off."""
        self.path = path
        torn = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
        self._file = path.open("a", buffering=1)
        if torn:
            self._file.write("\n")

    def start(self, about: Mapping[str, Any]) -> None:
        """What the run is: ``experiment``, ``name``, ``tags``, ``params``, ``datasets``."""
        self._tell(START, dict(about))

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after a step."""
        self._tell(METRICS, {"step": step, "values": dict(values)})

    def file(self, path: Path) -> None:
        """A file to keep with the run."""
        self._tell(FILE, {"path": str(path)})

    def end(self, how: str, error: str = "") -> None:
        """Nothing more comes of this try: how it ended, and by which error."""
        self._tell(END, {"how": how, "error": error})
        self._file.close()

    def _tell(self, kind: str, values: dict[str, Any]) -> None:
        line = {"kind": kind, "time_ms": int(time.time() * 1000), **values}
        self._file.write(json.dumps(line) + "\n")


def read_lines(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Whole lines from an offset on, and the offset after them; torn ones are left out."""
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    return list(_parsed(whole)), offset + len(whole)


def keep_offset(path: Path, offset: int) -> None:
    """Write down, whole or not at all, up to where a spool was sent."""
    sent = path.with_suffix(SENT)
    aside = path.with_suffix(f"{SENT}.aside")
    aside.write_text(json.dumps({"offset": offset}))
    aside.replace(sent)


def kept_offset(path: Path) -> int:
    """Up to where a spool was sent; 0 where nobody wrote it down."""
    sent = path.with_suffix(SENT)
    return int(json.loads(sent.read_text())["offset"]) if sent.exists() else 0


def _parsed(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # torn by a kill; the try after it closed the line
