"""The demonstration's work: the partitions by a backfill, the first model by hand, the next by its schedule, scores.

Why: what is shown must be what production does, so each step is a REST call or a command that anyone can give.
Promise: partitions that are published are not run again; runs that an earlier start left behind are
    ended first, as nobody works on them any more.
Not here: starting Airflow (``stack.py``), making the source (``demo_window.py``).
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipelines.core.errors import PermanentError, TransientError, listed
from pipelines.core.events import is_progress
from pipelines.core.store import Manifest
from pipelines.drivers.chain import ChainRequest, make_models
from pipelines.drivers.local.console import Phase, Terminal
from pipelines.drivers.local.published import Published
from pipelines.drivers.local.rest_client import FINISHED, RestError, quoted
from pipelines.drivers.local.stack import Stack
from pipelines.protocol.stage import SCORE_DAG

PARSE_LIMIT_S = 120.0
TICK_LIMIT_S = 180.0  # a scheduler that died meanwhile is started again
POLL_S = 1.0
UNFINISHED = ("queued", "running")
RUNS_AT_ONCE = 8

Run = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One pipeline on one Airflow.

    Attributes:
        stack: The Airflow.
        published: The pipeline's artifacts.
        terminal: Where progress is shown.
    """

    stack: Stack
    published: Published
    terminal: Terminal

    @property
    def data_dag(self) -> str:
        """Takes in partitions."""
        return f"{self.published.pipeline.name}_data"

    @property
    def model_dag(self) -> str:
        """Makes models."""
        return f"{self.published.pipeline.name}_model"

    @property
    def score_dag(self) -> str:
        """Scores partitions."""
        return f"{self.published.pipeline.name}_{SCORE_DAG}"

    @property
    def _units(self) -> str:
        return f"{self.published.window.grain}s"

    def wait_for_dags(self) -> None:
        """Until Airflow knows the DAGs; what an earlier start left unfinished is ended."""
        api = self.stack.api
        for dag_id in (self.data_dag, self.model_dag, self.score_dag):
            api.wait_for_dag(dag_id, PARSE_LIMIT_S)
            self._end_left_over(dag_id)

    def take_in(self) -> int:
        """Have Airflow take in each partition that is not published; returns how many.

        Raises:
            PermanentError: Runs failed; says for which partitions.
        """
        lacking, window = self.published.lacking(), self.published.window
        last, total = window.last, len(window.all_partitions())
        title = (
            f"take in {len(lacking)} of {total} {self._units}"
            if lacking
            else f"{self._units} published already"
        )
        with self.terminal.phase(title) as phase:
            before = {run["dag_run_id"] for run in self.stack.api.runs(self.data_dag)}
            self._backfill(lacking, last, has_run=self._has_run(self.data_dag, last))
            self.stack.api.unpause(self.data_dag)
            self._wait_for_tick(self.data_dag)
            self._follow(before, lacking, phase)
        return len(lacking)

    def make_first_model(self) -> None:
        """Make the champion of the first scored days by the command line's chain, as an earlier week would have."""
        as_of, published = self.published.first_model_day(), self.published
        if as_of is None or published.has_champion(as_of):
            return
        with (
            self.terminal.phase(f"train and evaluate the model as of {as_of}"),
            _lines_of_stages_alone(),
        ):
            make_models(
                ChainRequest(
                    pipeline=published.pipeline,
                    store=f"file://{published.home.store}",
                    source=None,
                    first=published.window.first_day,
                    last=published.window.last_day,
                    as_of=as_of,
                )
            )

    def make_model(self) -> str:
        """Have Airflow make the model of the latest tick; returns its as-of day.

        Raises:
            PermanentError: The run failed; says in which task.
        """
        api = self.stack.api
        with self.terminal.phase("train and evaluate the model") as phase:
            before = {run["dag_run_id"] for run in api.runs(self.model_dag)}
            api.unpause(self.model_dag)
            self._wait_for_tick(self.model_dag)
            run = next(r for r in api.runs(self.model_dag, run_type="scheduled"))
            as_of, run_id = str(run["partition_key"]), str(run["dag_run_id"])
            if run_id in before:
                if self.published.model_is_current(as_of):
                    phase.note(f"as of {as_of}, published already")
                    return as_of
                run_id = api.trigger(self.model_dag, {"as_of": as_of})
            self._follow_model(run_id, phase)
        return as_of

    def score(self, as_of: str) -> list[Manifest]:
        """Have Airflow score the first and last partitions that have a champion; returns what was published.

        Raises:
            PermanentError: A run failed; says in which task.
        """
        keys, version = self.published.to_score(as_of)
        if not keys:
            return []
        conf = {} if version is None else {"version": str(version)}
        title = (
            f"score {len(keys)} {self._units if len(keys) > 1 else self.published.window.grain}"
        )
        with self.terminal.phase(title) as phase:
            self.stack.api.unpause(self.score_dag)
            started = [
                self.stack.api.trigger(self.score_dag, {"partition": key} | conf)
                for key in keys
            ]
            for number, run_id in enumerate(started):
                self._follow_scoring(run_id)
                rows = sum(int(m.outcome["rows"]) for m in self.published.scored(keys, version))
                phase.progress(number + 1, len(keys), self._units, rows)
        return self.published.scored(keys, version)

    def _follow_scoring(self, run_id: str) -> None:
        api = self.stack.api
        if (
            api.wait_run(self.score_dag, run_id, lambda _: self.stack.require_alive())
            == "failed"
        ):
            self._raise_failed(self.score_dag, run_id, "The run that scores")

    def _backfill(self, lacking: Sequence[str], last: str, *, has_run: bool) -> None:
        """Partitions are independent of their order: each features stage does what it makes due."""
        # The scheduler runs the last one by itself, once, when the DAG is first unpaused.
        keys = [key for key in lacking if has_run or key != last]
        if keys:
            of = self.published.window.calendar
            begin, end = of.first_day(keys[0]), of.last_day(keys[-1])
            self.stack.api.backfill(self.data_dag, begin, end, RUNS_AT_ONCE)

    def _has_run(self, dag_id: str, key: str) -> bool:
        return any(run["partition_key"] == key for run in self.stack.api.runs(dag_id))

    def _wait_for_tick(self, dag_id: str) -> None:
        """Until the scheduler has made the run of every tick that is due."""
        deadline = time.monotonic() + TICK_LIMIT_S
        while time.monotonic() < deadline:
            self.stack.require_alive()
            due = self.stack.api.get(f"/dags/{dag_id}")["next_dagrun_run_after"]
            if due is None or datetime.fromisoformat(due) > datetime.now(UTC):
                return
            time.sleep(POLL_S)
        raise TransientError(
            f"The scheduler made no run of {dag_id} within {TICK_LIMIT_S:.0f} s. "
            f"Its log is {self.stack.home.logs / 'scheduler.log'}."
        )

    def _follow(self, before: set[str], lacking: Sequence[str], phase: Phase) -> None:
        while True:
            self.stack.require_alive()
            every = self.stack.api.runs(self.data_dag)
            runs = [run for run in every if run["dag_run_id"] not in before]
            states = Counter(run["state"] for run in runs)
            done = sum(states[state] for state in FINISHED)
            if runs:
                self._show(runs, lacking, phase)
            if done == len(runs):
                self._require_all_taken_in(runs)
                return
            self._look_again(runs)
            time.sleep(2 * POLL_S)

    def _look_again(self, runs: Sequence[Run]) -> None:
        """Try tasks again that waited for a table of earlier partitions, now that it is there.

        Runs of any order derive rows from one table; a task that comes too early would wait half an hour.
        """
        for run in runs:
            if run["state"] != "running" or not self.published.may_derive(run["partition_key"]):
                continue
            tasks = self.stack.api.tasks(self.data_dag, run["dag_run_id"])
            waiting = [task["task_id"] for task in tasks if task["state"] == "up_for_retry"]
            if waiting:
                self.stack.api.try_again(self.data_dag, run["dag_run_id"], waiting)

    def _require_all_taken_in(self, runs: Sequence[Mapping[str, Any]]) -> None:
        failed = sorted(str(run["partition_key"]) for run in runs if run["state"] == "failed")
        if failed:
            raise PermanentError(
                f"{len(failed)} of {len(runs)} {self._units} were not taken in: {listed(failed)}. Their "
                f"tasks' logs say why: {self.stack.api.base}/dags/{self.data_dag}/runs"
            )

    def _show(self, runs: Sequence[Run], lacking: Sequence[str], phase: Phase) -> None:
        done = {str(run["partition_key"]) for run in runs if run["state"] in FINISHED}
        reading = next(each for each in self.published.day_stages if each.reads_source)
        manifests = [
            self.published.manifest(reading.name, key=key) for key in done & set(lacking)
        ]
        rows = sum(int(manifest.outcome["rows"]) for manifest in manifests if manifest)
        running = sum(run["state"] == "running" for run in runs)
        phase.progress(len(done), len(runs), self._units, rows, f"{running} at work")

    def _follow_model(self, run_id: str, phase: Phase) -> None:
        def show(tasks: list[Run]) -> None:
            self.stack.require_alive()
            done = sum(task["state"] in ("success", "skipped") for task in tasks)
            busy = [task for task in tasks if task["state"] in ("running", "deferred")]
            note = ", ".join(self._at_work(run_id, task) for task in busy)
            phase.progress(done, len(tasks), "tasks", note=note, alike=False)

        if self.stack.api.wait_run(self.model_dag, run_id, show) == "failed":
            self._raise_failed(self.model_dag, run_id, "The model's run")

    def _raise_failed(self, dag_id: str, run_id: str, what: str) -> None:
        tasks = self.stack.api.tasks(dag_id, run_id)
        failed = [task["task_id"] for task in tasks if task["state"] == "failed"]
        raise PermanentError(
            f"{what} failed in {listed(failed)}. The task's log says why: "
            f"{self.stack.api.base}/dags/{dag_id}/runs/{run_id}"
        )

    def _at_work(self, run_id: str, task: Run) -> str:
        """A task and, once its stage has reported any, its progress with rate and time left."""
        log = self.stack.api.log(self.model_dag, run_id, task)
        return next((line for line in reversed(log) if is_progress(line)), str(task["task_id"]))

    def _end_left_over(self, dag_id: str) -> None:
        """End runs of an earlier start: their tasks died with it, and would be missed for minutes."""
        api = self.stack.api
        for backfill in api.get("/backfills", dag_id=dag_id)["backfills"]:
            if backfill["completed_at"] is None:
                with suppress(RestError):
                    api.put(f"/backfills/{backfill['id']}/cancel")
        for run in list(api.runs(dag_id, state=UNFINISHED)):
            api.patch(
                f"/dags/{dag_id}/dagRuns/{quoted(run['dag_run_id'])}", {"state": "failed"}
            )


@contextmanager
def _lines_of_stages_alone() -> Iterator[None]:
    """Leave out what libraries write beside a stage's own lines, which name its as-of day."""
    log = logging.getLogger("millrace")

    def is_of_stage(record: logging.LogRecord) -> bool:
        return "as_of=" in record.getMessage()

    log.addFilter(is_of_stage)
    try:
        yield
    finally:
        log.removeFilter(is_of_stage)
