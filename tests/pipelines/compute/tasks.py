"""Functions that workers import: they cannot be defined in a test."""

import os
import signal
import time
from pathlib import Path


def square(value):
    return value * value


def add(values):
    return sum(values)


def nested(values):
    return list(values)


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(flag):
    """Die on the first call only: what the kernel does to a worker by chance."""
    if not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def hang(flag):
    Path(flag).touch()
    time.sleep(600)


def no_memory(_):
    raise MemoryError("Unable to allocate 8 EiB")


def refuse(value):
    raise ValueError(f"value {value} is refused")
