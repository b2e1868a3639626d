"""Airflow's REST interface, as far as a local run needs it.

Why: what the demonstration does, a person can do with ``curl``: nothing is private.
Promise: an answer that says no becomes an error with the status and the server's own words. What may be
    asked twice is asked again where the server failed, or was away.
"""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.core.errors import PermanentError, TransientError

# A SQLite that another request holds locked answers after its busy timeout of 60 s.
TIMEOUT_S = 90.0
PAGE = 100
NOT_FOUND, UNAUTHORIZED, SERVER_FAILED = 404, 401, 500
# On a busy machine Airflow answers 500 for a SQLite that stayed locked for too long.
AGAIN_AFTER_S = (1.0, 4.0, 10.0)
# An api-server that died or hangs is started again meanwhile.
NO_ANSWER_LIMIT_S, ASK_EVERY_S = 600.0, 1.0
FINISHED = ("success", "failed")


def quoted(run_id: str) -> str:
    """A run's id as part of a path: it holds a ``+``."""
    return urllib.parse.quote(run_id, safe="")


def _on_the_clock(time: str) -> str:
    return f"{time}:00Z" if "T" in time else f"{time}T00:00:00Z"


class RestError(PermanentError):
    """Airflow refused a request.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, what: str, status: int, answer: str) -> None:
        self.status = status
        super().__init__(what, status, answer)

    def __str__(self) -> str:
        what, status, answer = self.args
        return f"{what}: Airflow answered {status}: {answer}"


class NoAnswerError(TransientError):
    """Nobody answered.

    Attributes:
        refused: Whether nobody listened, so that the request was not even sent.
    """

    def __init__(self, message: str, refused: object = False) -> None:
        self.refused = bool(refused)
        super().__init__(message, refused)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(slots=True)
class Api:
    """A client of one Airflow.

    Attributes:
        base: ``http://host:port``.
        user: Who logs in.
        password: Their password.
        still_comes: Called while there is no answer; raises when none is to be expected any
            more. Without it the first request that nobody answers is an error.
    """

    base: str
    user: str
    password: str = field(repr=False)
    still_comes: Callable[[], None] | None = field(default=None, repr=False)
    _token: str | None = field(default=None, repr=False)

    def health(self) -> dict[str, Any]:
        """State of each component; needs no token. OSError if nobody answers."""
        with urllib.request.urlopen(f"{self.base}/api/v2/monitor/health", timeout=5) as reply:  # noqa: S310
            return dict(json.load(reply))

    def get(self, path: str, **query: object) -> Any:
        """What a path says."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Make something."""
        return self._call("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something."""
        return self._call("PATCH", path, body)

    def put(self, path: str) -> Any:
        """Do something that needs no words."""
        return self._call("PUT", path)

    def wait_for_dag(self, dag_id: str, timeout_s: float) -> None:
        """Until Airflow has parsed a DAG.

        Raises:
            PermanentError: Its file has an import error, quoted in full.
            TransientError: It is not there in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                self.get(f"/dags/{dag_id}")
            except RestError as error:
                if error.status != NOT_FOUND:
                    raise
                self._refuse_import_errors(dag_id)
                time.sleep(0.5)
            else:
                return
        raise TransientError(
            f"Airflow did not parse a DAG {dag_id} within {timeout_s:.0f} s. "
            f"The dag-processor's log says why."
        )

    def _refuse_import_errors(self, dag_id: str) -> None:
        for error in self.get("/importErrors")["import_errors"]:
            if dag_id.rpartition("_")[0] in error["filename"]:
                raise PermanentError(
                    f"{error['filename']} cannot be imported:\n{error['stack_trace']}"
                )

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG; the run of its latest tick starts at once."""
        self.patch(f"/dags/{dag_id}", {"is_paused": False})

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Make a pool, or change its slots."""
        body = {
            "name": name,
            "slots": slots,
            "description": description,
            "include_deferred": False,
        }
        try:
            self.patch(f"/pools/{name}", body)
        except RestError as error:
            if error.status != NOT_FOUND:
                raise
            self.post("/pools", body)

    def backfill(self, dag_id: str, first: str, last: str, max_active_runs: int) -> int:
        """Have runs made for each partition of a time, both ends included; returns the backfill's id.

        Args:
            dag_id: A DAG that takes in a table.
            first: First day, or hour (``2026-01-31T05:00``), in the time zone of the partitions.
            last: Last day, or hour.
            max_active_runs: Runs at a time.
        """
        made = self.post(
            "/backfills",
            {
                "dag_id": dag_id,
                # Airflow reads the clock in the time zone of the DAG's partitions.
                "from_date": _on_the_clock(first),
                "to_date": _on_the_clock(last),
                "max_active_runs": max_active_runs,
                "reprocess_behavior": "completed",
            },
        )
        return int(made["id"])

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run by hand; returns its id."""
        made = self.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf or {}})
        return str(made["dag_run_id"])

    def runs(self, dag_id: str, **query: object) -> Iterator[dict[str, Any]]:
        """A DAG's runs, the newest first."""
        offset = 0
        while True:
            page = self.get(
                f"/dags/{dag_id}/dagRuns", limit=PAGE, offset=offset, order_by="-id", **query
            )["dag_runs"]
            yield from page
            offset += PAGE
            if len(page) < PAGE:
                return

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{quoted(run_id)}/taskInstances"
        return list(self.get(path, limit=PAGE)["task_instances"])

    def try_again(self, dag_id: str, run_id: str, task_ids: Sequence[str]) -> None:
        """Have tasks that wait for their next try tried at once."""
        asked = {"dag_run_id": run_id, "task_ids": list(task_ids)}
        self.post(
            f"/dags/{dag_id}/clearTaskInstances",
            asked | {"dry_run": False, "only_failed": False, "reset_dag_runs": False},
        )

    def log(self, dag_id: str, run_id: str, task: Mapping[str, Any]) -> list[str]:
        """Lines of a task's newest try; none where its log cannot be read yet."""
        path = f"/dags/{dag_id}/dagRuns/{quoted(run_id)}/taskInstances/{task['task_id']}/logs"
        try:
            answer = self.get(
                f"{path}/{task['try_number']}",
                map_index=task["map_index"],
                full_content="true",
            )
        except RestError:
            return []
        return [str(line["event"]) for line in answer["content"] if isinstance(line, dict)]

    def wait_run(
        self, dag_id: str, run_id: str, show: Callable[[list[dict[str, Any]]], None]
    ) -> str:
        """Until a run has ended, showing its tasks each second; returns its state."""
        while True:
            state = str(self.get(f"/dags/{dag_id}/dagRuns/{quoted(run_id)}")["state"])
            show(self.tasks(dag_id, run_id))
            if state in FINISHED:
                return state
            time.sleep(1.0)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Any:
        asked = f"?{urllib.parse.urlencode(query, doseq=True)}" if query else ""
        give_up_at = time.monotonic() + NO_ANSWER_LIMIT_S
        while True:
            try:
                return self._asked(method, f"/api/v2{path}{asked}", body)
            except NoAnswerError as error:
                repeatable = method != "POST" or error.refused
                if not (self.still_comes and repeatable and time.monotonic() < give_up_at):
                    raise
                self.still_comes()
                time.sleep(ASK_EVERY_S)

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        for pause_s in () if method == "POST" else AGAIN_AFTER_S:
            try:
                return self._answered(method, path, body)
            except RestError as error:
                if error.status < SERVER_FAILED:
                    raise
                time.sleep(pause_s)
        return self._answered(method, path, body)

    def _answered(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        if self._token is None:
            self._token = self._login()
        try:
            return self._send(method, path, body, self._token)
        except RestError as error:
            if error.status != UNAUTHORIZED:
                raise
            # A token lasts a day; this stack may run for longer.
            self._token = self._login()
            return self._send(method, path, body, self._token)

    def _login(self) -> str:
        login = {"username": self.user, "password": self.password}
        return str(self._send("POST", "/auth/token", login, None)["access_token"])

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str | None
    ) -> Any:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310
                text = reply.read()
        except urllib.error.HTTPError as error:
            answer = error.read().decode(errors="replace")[:2000]
            raise RestError(f"{method} {path}", error.code, answer) from error
        except (OSError, http.client.HTTPException) as error:
            refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
            raise NoAnswerError(
                f"{method} {path}: no answer from {self.base} ({error}). Is Airflow running?",
                refused,
            ) from error
        return json.loads(text) if text else None
