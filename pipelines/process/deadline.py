"""A stage's time limit: no stage hangs for ever, and none ends without a reason.

Why: a stage run by hand has no scheduler that would end it, and a bare timeout does not
    show where it hung.
Promise: at the limit the stacks of all threads are printed and the stage is stopped as by
    SIGTERM, so that it can write its checkpoint; ``GRACE_S`` later the process ends by itself,
    even from a C call that holds the interpreter's lock.
Not here: what being stopped means (``child.py``).
"""

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable

TIME_LIMIT_S = 24 * 3600.0
GRACE_S = 60.0


def set_limit(seconds: float, on_overdue: Callable[[], None]) -> None:
    """Set the time limit of this process, counted from now.

    Args:
        seconds: The limit; 0 for none.
        on_overdue: Called, on a separate thread, when the limit is reached, before the SIGTERM.
    """
    if seconds <= 0:
        return

    def overdue() -> None:
        on_overdue()
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
        os.kill(os.getpid(), signal.SIGTERM)

    timer = threading.Timer(seconds, overdue)
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(seconds + GRACE_S, exit=True, file=sys.stderr)
