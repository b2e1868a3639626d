"""Stop on request: SIGTERM sets a flag that the loop checks between batches.

Why: a cleared or timed-out task sends SIGTERM and gives a few seconds; raising in the middle of
    a step would lose what a checkpoint can save.
Promise: nothing is interrupted before the flag is checked; further SIGTERMs have no effect.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopFlag:
    """Whether a stop was requested."""

    def __init__(self) -> None:
        self.requested = False

    def set(self, _signum: int = 0, _frame: FrameType | None = None) -> None:
        """Request a stop; has the signature of a signal handler."""
        self.requested = True


@contextmanager
def stop_on_sigterm() -> Iterator[StopFlag]:
    """Turn SIGTERM into a flag for the time of the block.

    Once the flag is set the handler stays: another SIGTERM must not interrupt the shutdown.
    """
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, flag.set)
    try:
        yield flag
    finally:
        if not flag.requested:
            signal.signal(signal.SIGTERM, before)
