"""What these tests share: run a toy stage, keep its events, wait for a process to end."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.process.environ import child_environ, working_directory
from pipelines.process.launch import Ended, StageProcess
from pipelines.process.server_address import ServerAddress, server_address

TOY = "tests.pipelines.process.toy_stage"


@dataclass
class Toy:
    """One toy stage, with its events and output."""

    events: list[Mapping[str, object]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    then: Callable[[Mapping[str, object], StageProcess], None] = lambda _event, _process: None
    seconds: float = 0.0

    def run(self, *argv: str, **options: object) -> Ended:
        process = StageProcess(
            argv,
            on_event=lambda event: self._take(event, process),
            on_line=self.lines.append,
            **{"module": TOY, **options},
        )
        started = time.monotonic()
        try:
            return process.run()
        finally:
            self.seconds = time.monotonic() - started

    def _take(self, event: Mapping[str, object], process: StageProcess) -> None:
        self.events.append(event)
        self.then(event, process)

    def pid(self) -> int:
        return int(self.of("started")["pid"])

    def of(self, kind: str) -> Mapping[str, object]:
        return next(event for event in self.events if event["event"] == kind)


def stop_when_started(event: Mapping[str, object], process: StageProcess) -> None:
    if event["event"] == "started":
        process.stop()


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def address_of_server(env: Mapping[str, str] | None = None) -> ServerAddress:
    return server_address(child_environ(env))


def bare_server(
    idle_s: float = 60.0, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a fork server without the imports, where stages look for theirs."""
    path = address_of_server(env).socket
    before = inode(path)
    code = (
        "import sys, pathlib; from pipelines.process.server_loop import Server;"
        "Server(pathlib.Path(sys.argv[1]), float(sys.argv[2])).serve()"
    )
    command = [sys.executable, "-c", code, str(path), str(idle_s)]
    process = subprocess.Popen(command, cwd=working_directory(), env=child_environ(env))
    assert eventually(lambda: inode(path) not in (None, before)), "the server does not listen"
    return process


def inode(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
