"""What Airflow's web interface shows of a task while the task is at work.

Why: a training of hours must be seen going on by who has Airflow open, without its log.
Promise: never ends the work, and costs it one short request in five seconds; Airflow removes
    what was shown when the task is tried again.
Not here: who reads it (``live.py``, the button in ``links.py``).
"""

import logging
import time
from collections.abc import Mapping
from typing import Any

from millrace.airflow.links import DashboardLink

PROGRESS_KEY = "millrace_progress"
SHOW_EVERY_S, AFTER_FAILURE_S = 5.0, 60.0

log = logging.getLogger("millrace")


class ProgressXCom:
    """Shows as XComs of fixed keys, each replaced by the next.

    Args:
        ti: The running task; None shows nothing.
    """

    def __init__(self, ti: Any) -> None:
        self._ti, self._next_s = ti, 0.0

    def dashboard(self, url: str) -> None:
        """Where a person can watch the workers."""
        self._show(DashboardLink().xcom_key, url)

    def progress(self, event: Mapping[str, object]) -> None:
        """How far the work is, now and then, and its end in any case."""
        now_s, is_end = time.monotonic(), event["done"] == event["total"]
        if now_s < self._next_s and not is_end:
            return
        shown = self._show(PROGRESS_KEY, {k: v for k, v in event.items() if k != "event"})
        self._next_s = now_s + (SHOW_EVERY_S if shown else AFTER_FAILURE_S)

    def _show(self, key: str, value: object) -> bool:
        if self._ti is None:
            return False
        try:
            self._ti.xcom_push(key=key, value=value)
        # A cleared task's calls all fail, and what is shown is not worth the work.
        except Exception as error:
            log.warning("The web interface could not be given %s: %s", key, error)
            return False
        return True
