"""What of a run is at work, and how far each of its tasks has come.

Why: who opens a run that goes on wants to see it go on, not the report of a task that is over.
Promise: reads Airflow's database alone, whichever it is, by Airflow's own models; changes nothing there.
Not here: who reports it (``progress_xcom.py``), the page (``live_page.py``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.airflow.links import PREFIX, page_key
from millrace.airflow.progress_xcom import PROGRESS_KEY
from pipelines.protocol.stage import REPORTS

UNFINISHED = ("queued", "running")
AT_WORK, FOR_A_PERSON = ("running", "deferred"), "awaiting_input"
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNow:
    """One task of a run, as it is now.

    Attributes:
        name: Its id, or what a mapped task calls itself.
        state: Airflow's word; empty before it is scheduled.
        since: When this try began.
        progress: Its last ``progress`` event.
        progress_at: When it reported that.
        report: What follows ``/reports/`` in the address of its page; empty without one.
        reported_at: When that page was linked.
    """

    name: str
    state: str = ""
    since: datetime | None = None
    progress: Mapping[str, Any] | None = None
    progress_at: datetime | None = None
    report: str = ""
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNow:
    """A run as it is now.

    Attributes:
        dag_id: Its DAG.
        run_id: Its id.
        state: Airflow's word; empty where there is no such run.
        tasks: All that there are so far, the first that began first.
    """

    dag_id: str
    run_id: str
    state: str = ""
    tasks: tuple[TaskNow, ...] = ()

    def in_state(self, *states: str) -> list[TaskNow]:
        """Its tasks in one of these states."""
        return [task for task in self.tasks if task.state in states]

    def goes_on(self) -> bool:
        """Whether work is done or due, and does not wait for a person alone."""
        waits = self.in_state(FOR_A_PERSON) and not self.in_state(*AT_WORK)
        return self.state in UNFINISHED and not waits

    def reported(self) -> list[TaskNow]:
        """Its tasks that published a page, the latest last."""
        found = [task for task in self.tasks if task.report]
        return sorted(found, key=lambda task: _moment(task.reported_at))


def run_now(dag_id: str, run_id: str) -> RunNow:
    """A run's state, tasks, and what they reported; without a state where there is no such run."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        state = session.scalar(
            select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        )
        found = session.execute(
            select(
                TaskInstance.task_id,
                TaskInstance.map_index,
                TaskInstance.rendered_map_index.label("own_name"),
                TaskInstance.state,
                TaskInstance.start_date,
            ).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        ).all()
        progress, links = (
            _reported(session, dag_id, run_id, key) for key in (PROGRESS_KEY, page_key(REPORTS))
        )
    keys = [(each.task_id, each.map_index) for each in found]
    tasks = [
        _task(each, progress.get(key), links.get(key))
        for each, key in zip(found, keys, strict=True)
    ]
    tasks.sort(key=lambda task: (_moment(task.since), task.name))
    return RunNow(dag_id=dag_id, run_id=run_id, state=str(state or ""), tasks=tuple(tasks))


def _moment(time: datetime | None) -> float:
    """What times are sorted by; what is yet to come is last."""
    return math.inf if time is None else time.timestamp()


def _reported(session: Any, dag_id: str, run_id: str, key: str) -> dict[tuple[str, int], Any]:
    """Value and time of what the tasks of a run show under a key, by task id and map index."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    columns = XComModel.task_id, XComModel.map_index, XComModel.value, XComModel.timestamp
    rows = session.execute(
        select(*columns).where(
            XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == key
        )
    )
    return {(task_id, index): (value, at) for task_id, index, value, at in rows}


def _task(found: Any, progress: Any, report: Any) -> TaskNow:
    event, progress_at = progress or (None, None)
    # An XCom backend that keeps values elsewhere leaves an address here.
    event = event if isinstance(event, Mapping) else None
    link, reported_at = report or ("", None)
    return TaskNow(
        name=found.task_id if found.map_index < 0 else _mapped(found),
        state=str(found.state or ""),
        since=found.start_date,
        progress=event,
        progress_at=progress_at,
        report=str(link).partition(f"{PREFIX}/{REPORTS}/")[2],
        reported_at=reported_at,
    )


def _mapped(found: Any) -> str:
    """What a mapped task calls itself; its number before it is rendered."""
    own = str(found.own_name)
    return own if own != str(found.map_index) else f"{found.task_id} [{own}]"
