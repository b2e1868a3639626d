"""The DAGs of a pipeline, whole, from its declaration and the stages' records.

Why: a second pipeline must cost a declaration and a DAG file of a few lines, and a new stage its own
    folder alone.
Promise: nothing is read when a DAG file is parsed. Tasks follow one another as the records' edges
    say; a task of one's own is added to the DAG that is returned.
Not here: one task (``tasks.py``), the form (``forms.py``), the days of a run (``partition.py``).
"""

from collections.abc import Iterable
from typing import Any

import pendulum
from airflow.sdk import DAG, CronPartitionTimetable, chain

from millrace.airflow.approval import recommendation
from millrace.airflow.forms import data_form, model_form, search_form
from millrace.airflow.policies import RESTART_WAIT, retry_by_cause
from millrace.airflow.tasks import approval, await_partitions, stage, trials
from millrace.airflow.templates import SEARCH_DAY, SEARCH_SETTINGS, macros
from pipelines.core.days import shift
from pipelines.protocol import Stage, chain_stages, giver_of, stages, stages_before
from pipelines.protocol.stage import (
    DATA_DAG,
    GPU_POOL,
    MODEL,
    MODEL_DAG,
    PARTITION,
    STAGES_POOL,
    WINDOW,
)
from pipelines.spec import Pipeline
from pipelines.stages.tune.record import STAGE as TUNE

DAY_KEY = "%Y-%m-%d"

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "millrace",
    "retries": 3,
    # For an end that no policy sees: the kernel killed the task's own process.
    "retry_delay": RESTART_WAIT,
    "retry_policy": retry_by_cause(),
    "pool": STAGES_POOL,
}


def data_dag(pipeline: Pipeline, doc: str | None = None, **more: Any) -> DAG:
    """The DAG that takes in each day once it is over.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        more: Arguments of the ``DAG`` to replace: ``dag_id``, ``schedule``, ``max_active_runs``.
    """
    records = chain_stages(PARTITION)
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: data",
        "description": f"Each day once it is over: {_listed(records)}.",
        # A day after the declared start, as the first tick carries that day's key.
        "start_date": _midnight(shift(pipeline.schedule.start, 1)),
        "max_active_runs": 8,
        "params": data_form(),
    }
    schedule = more.pop("schedule", once_closed(pipeline))
    with DAG(schedule=schedule, **(_common(pipeline, DATA_DAG, doc) | own | more)) as made:
        wire(pipeline, records)
    return made


def model_dag(pipeline: Pipeline, doc: str | None = None, **more: Any) -> DAG:
    """The DAG that waits for the days of a window, makes a model of them and evaluates it.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        more: Arguments of the ``DAG`` to replace.
    """
    records = chain_stages(WINDOW, MODEL)
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: model",
        "description": f"For each as-of day: {_listed(records)}.",
        "start_date": _midnight(pipeline.schedule.start),
        "max_active_runs": 2,
        "params": model_form(pipeline),
    }
    schedule = more.pop("schedule", as_of_tick(pipeline))
    with DAG(schedule=schedule, **(_common(pipeline, MODEL_DAG, doc) | own | more)) as made:
        chain(await_partitions(pipeline), wire(pipeline, records))
    return made


def tune_dag(pipeline: Pipeline, doc: str | None = None, **more: Any) -> DAG:
    """The DAG that looks for better settings: run by hand, and by a schedule where one is wanted.

    It waits for the days of the search, prepares them, tries settings as mapped tasks, and
    publishes the best.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        more: Arguments of the ``DAG`` to replace, such as ``schedule``.
    """
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: search for settings",
        "description": "Try settings on days before the model's test began; publish the best.",
        "start_date": _midnight(pipeline.schedule.start),
        "max_active_runs": 1,
        "params": search_form(pipeline),
    }
    earlier = {"as_of": SEARCH_DAY, "settings": SEARCH_SETTINGS}
    schedule = more.pop("schedule", None)
    with DAG(schedule=schedule, **(_common(pipeline, TUNE.dag, doc) | own | more)) as made:
        chain(
            await_partitions(pipeline, promotes=False, asks="", **earlier),
            [stage(pipeline, giver_of(result).name, **earlier) for result in TUNE.takes],
            trials(pipeline),
            stage(pipeline, TUNE.name, settings=SEARCH_SETTINGS),
        )
    return made


def on_demand_dags(pipeline: Pipeline, doc: str | None = None) -> list[DAG]:
    """A DAG for each other stage that is run on demand, so that its record alone adds it.

    Airflow finds them without a name in the DAG file.

    Args:
        pipeline: The declaration.
        doc: What their pages say first.
    """
    others = [each for each in stages() if each.on_demand and each.name != TUNE.name]
    return [_on_demand_dag(pipeline, record, doc) for record in others]


def _on_demand_dag(pipeline: Pipeline, record: Stage, doc: str | None) -> DAG:
    by_day = record.scope == PARTITION
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: {record.name}",
        "description": record.does,
        "start_date": _midnight(pipeline.schedule.start),
        "params": data_form() if by_day else model_form(pipeline),
    }
    with DAG(schedule=None, **(_common(pipeline, record.dag, doc) | own)) as made:
        wire(pipeline, [record])
    return made


def wire(pipeline: Pipeline, records: Iterable[Stage]) -> list[Any]:
    """Make the tasks of some stages, each after those whose work it needs.

    Returns:
        The tasks that come after none of them.
    """
    made, first = dict[str, Any](), []
    for record in records:
        task = made[record.name] = stage(pipeline, record.name)
        begins = approval(pipeline, record.name) if record.approval else task
        if begins is not task:
            begins >> task
        before = [made[each.name] for each in stages_before(record) if each.name in made]
        before >> begins if before else first.append(begins)
    return first


def once_closed(pipeline: Pipeline) -> CronPartitionTimetable:
    """The data DAG's schedule: the tick at midnight carries the key of the day before."""
    return CronPartitionTimetable(
        pipeline.schedule.data_cron, timezone="UTC", run_offset=-1, key_format=DAY_KEY
    )


def as_of_tick(pipeline: Pipeline) -> CronPartitionTimetable:
    """The model DAG's schedule: the key is the tick's own day, the model's as-of day."""
    return CronPartitionTimetable(
        pipeline.schedule.model_cron, timezone="UTC", run_offset=0, key_format=DAY_KEY
    )


def _common(pipeline: Pipeline, ending: str, doc: str | None) -> dict[str, Any]:
    return {
        "dag_id": f"{pipeline.name}_{ending}",
        "tags": ["millrace", pipeline.name, ending],
        "catchup": False,
        "default_args": DEFAULT_ARGS,
        "user_defined_macros": macros(pipeline) | {"recommendation": recommendation},
        "doc_md": f"{doc or ''}\n\n{pipeline.meaning}\n\nPools: `{STAGES_POOL}` (as many slots as "
        f"cores) and `{GPU_POOL}` (one slot). Variables: `millrace_store`, `millrace_source`, "
        f"`millrace_history_from`, `millrace_approvers` (user ids), each also with `_{pipeline.name}` at its end.",
    }


def _listed(records: Iterable[Stage]) -> str:
    return ", ".join(record.name for record in records)


def _midnight(day: str) -> pendulum.DateTime:
    return pendulum.parse(day, tz="UTC")  # type: ignore[return-value]
