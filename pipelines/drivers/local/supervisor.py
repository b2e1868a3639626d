"""Keeping the components of a local Airflow at work: who dies or hangs is started again.

Why: a local Airflow runs for days beside other work; a component that the kernel killed for
    memory, or that stands still, should cost half a minute and not the night.
Promise: each restart is reported with its reason; a component that fails again and again ends the
    stack, with the end of its log. What a dead component left behind is ended before the next
    one starts.
Not here: the processes (``components.py``), the first start (``stack.py``).
"""

import http.client
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.errors import PipelineError, TransientError
from pipelines.drivers.local.components import COMPONENTS, ComponentDiedError, Components
from pipelines.drivers.local.processes import is_stopped
from pipelines.drivers.local.rest_client import Api

LOOK_EVERY_S = 1.0
HEALTH_EVERY_LOOKS = 5
# Counted in looks and not by the clock: after a machine's sleep every report is old for a moment.
STOPPED_LOOKS = 10
# A SQLite that is locked under load silences everything for its busy timeout of 60 s.
SILENT_ANSWERS, SILENT_ANSWERS_AT_START = 24, 36
# Pauses before a component is started again, the more often within the window the longer.
PAUSES_S = (0.0, 2.0, 10.0, 30.0, 60.0)
WINDOW_S = 600.0

HEALTH_KEYS = {
    "scheduler": "latest_scheduler_heartbeat",
    "dag_processor": "latest_dag_processor_heartbeat",
    "triggerer": "latest_triggerer_heartbeat",
}


@dataclass(slots=True)
class _Watched:
    """What is known of one component.

    Attributes:
        restarts: When it was started again (monotonic), within the window.
        stopped: Looks in a row at which it stood still.
        silent: Answers in a row by which it did not work.
        proven: Whether it has worked since it was started.
        due_at: When it is to be started (monotonic); None while it runs.
    """

    restarts: deque[float] = field(default_factory=deque)
    stopped: int = 0
    silent: int = 0
    proven: bool = True
    due_at: float | None = None


class Keeper(threading.Thread):
    """Looks at each component every second, and starts it again when it has to."""

    def __init__(
        self,
        components: Components,
        api: Api,
        report: Callable[[str], None] = lambda _text: None,
    ) -> None:
        super().__init__(name="keeper", daemon=True)
        self._components, self._api, self._report = components, api, report
        self._watched = {name: _Watched() for name in COMPONENTS}
        self._over, self._looks = threading.Event(), 0
        self._failure: PipelineError | None = None

    def run(self) -> None:
        """Look until asked to end, or until a component cannot be kept at work."""
        while not self._over.wait(LOOK_EVERY_S):
            try:
                self._look()
            except PipelineError as error:
                self._failure = error
            # Whatever it is: a thread that ends without a word would leave nobody to look.
            except Exception as error:
                self._failure = TransientError(
                    f"Airflow's components can no longer be looked after ({error!r}), so all of "
                    f"them are stopped. Start it again when the machine has room."
                )
                self._failure.__cause__ = error
            if self._failure:
                return

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        if self.is_alive():
            self.join()

    def require(self) -> None:
        """Refuse to go on where a component could not be kept at work.

        Raises:
            ComponentDiedError: Says which, why, and the last lines of its log.
        """
        if self._failure:
            raise self._failure

    def _look(self) -> None:
        self._looks += 1
        if self._looks % HEALTH_EVERY_LOOKS == 0:
            self._ask()
        for name, watched in self._watched.items():
            if watched.due_at is None:
                if reason := self._reason(name, watched):
                    self._take_down(name, watched, reason)
            elif time.monotonic() >= watched.due_at:
                self._components.start(name)
                self._watched[name] = _Watched(watched.restarts, proven=False)

    def _reason(self, name: str, watched: _Watched) -> str:
        """Why a component has to be started again; empty where it need not."""
        if death := self._components.death_of(name):
            return death
        watched.stopped += 1
        if not is_stopped(self._components.running[name].pid):
            watched.stopped = 0
        if watched.stopped >= STOPPED_LOOKS:
            return f"stood still for {STOPPED_LOOKS * LOOK_EVERY_S:.0f} s (it was stopped by a signal)"
        patience = SILENT_ANSWERS if watched.proven else SILENT_ANSWERS_AT_START
        if watched.silent >= patience:
            silent_s = patience * HEALTH_EVERY_LOOKS * LOOK_EVERY_S
            return f"did not work for {silent_s:.0f} s, by Airflow's own /health"
        return ""

    def _take_down(self, name: str, watched: _Watched, reason: str) -> None:
        now = time.monotonic()
        while watched.restarts and now - watched.restarts[0] > WINDOW_S:
            watched.restarts.popleft()
        count, most = len(watched.restarts), len(PAUSES_S)
        if count == most:
            raise ComponentDiedError(
                self._components.described(
                    name,
                    f"{reason}, after {most} restarts within {WINDOW_S / 60:.0f} minutes, so all "
                    f"of it is stopped",
                )
            )
        self._report(
            f"Airflow's {name} {reason}: started again ({count + 1} of at most {most})."
        )
        self._components.end(name)
        watched.restarts.append(now)
        watched.due_at = time.monotonic() + PAUSES_S[count]

    def _ask(self) -> None:
        """Count the answers of Airflow's /health by which a component does not work."""
        try:
            health = self._api.health()
        except (OSError, ValueError, http.client.HTTPException):
            self._watched["api-server"].silent += 1
            return
        self._heard("api-server", works=True)
        if (health.get("metadatabase") or {}).get("status") != "healthy":
            return  # that is nothing a restart would mend
        for key in HEALTH_KEYS:
            said: dict[str, Any] = health.get(key) or {}
            self._heard(key.replace("_", "-"), works=said.get("status") == "healthy")

    def _heard(self, name: str, *, works: bool) -> None:
        watched = self._watched[name]
        watched.silent = 0 if works else watched.silent + 1
        watched.proven |= works
