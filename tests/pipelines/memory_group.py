"""A control group with a memory limit of its own, where this machine lets us make one."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

CGROUP = Path("/sys/fs/cgroup")


def _own(controller):
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == controller:
            return path.lstrip("/")
    return ""


@contextmanager
def memory_group(limit_bytes):
    """The file that a process writes its id into to be limited; skips where there is none."""
    v1 = (CGROUP / "memory").is_dir()
    parent = CGROUP / "memory" / _own("memory") if v1 else CGROUP / _own("")
    folder = parent / f"millrace-test-{os.getpid()}"
    try:
        folder.mkdir()
        limit = "memory.limit_in_bytes" if v1 else "memory.max"
        (folder / limit).write_text(str(limit_bytes))
        if not v1:
            with suppress(OSError):
                (folder / "memory.swap.max").write_text("0")
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no control group with a memory limit can be made here: {error}")
    try:
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()
