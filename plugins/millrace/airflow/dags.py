"""The DAGs of a pipeline, whole, from its declaration and the stages' records.

Why: a second pipeline must cost a declaration and a DAG file of a few lines, and a new stage its own
    folder alone.
Promise: nothing is read when a DAG file is parsed. Tasks follow one another as the records' edges
    say; a task of one's own is added to the DAG that is returned.
Not here: one task (``tasks.py``), the form (``forms.py``), the partition of a run (``partition.py``),
    which DAG takes in which table (``table_dags.py``), scoring (``score_dags.py``).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronPartitionTimetable, chain

from millrace.airflow.forms import data_form, model_form, search_form
from millrace.airflow.late_days import deadline_of
from millrace.airflow.partition_timetable import PartitionTimetable
from millrace.airflow.policies import RESTART_WAIT, retry_by_cause
from millrace.airflow.table_dags import (
    require_own_dag,
    tables_of_own,
    tables_read_by,
    tables_taken_in,
)
from millrace.airflow.tasks import (
    OTHER_POOL,
    approval,
    await_partitions,
    refusals,
    stage,
    trials,
)
from millrace.airflow.templates import SEARCH_DAY, SEARCH_SETTINGS, macros
from pipelines.core.partitions import DAY, Partitions
from pipelines.protocol import VALIDATED, Stage, chain_stages, giver_of, stages, stages_before
from pipelines.protocol.catalog import stage_of
from pipelines.protocol.stage import (
    DATA_DAG,
    GPU_POOL,
    MODEL,
    MODEL_DAG,
    PARTITION,
    STAGES_POOL,
    WINDOW,
)
from pipelines.spec import Pipeline, Table
from pipelines.spec.schedules import cron_of
from pipelines.stages.tune.record import STAGE as TUNE

DAY_KEY = "%Y-%m-%d"
TAKEN_IN = "taken_in"

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "millrace",
    "retries": 3,
    # For an end that no policy sees: the kernel killed the task's own process.
    "retry_delay": RESTART_WAIT,
    "retry_policy": retry_by_cause(),
    "pool": STAGES_POOL,
}


def data_dag(
    pipeline: Pipeline, doc: str | None = None, *, table: str | None = None, **more: Any
) -> DAG:
    """The DAG that takes in each partition of a table once it is over.

    That of the examples takes in static tables and those of the same grain as well, each by its own
    tasks.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        table: A table of another grain than the examples'.
        more: Arguments of the ``DAG`` to replace: ``dag_id``, ``schedule``, ``max_active_runs``.

    Raises:
        ConfigError: There is no such table, or the run of the examples takes it in.
    """
    seen = pipeline.of_table(table or pipeline.examples)
    if seen is not pipeline:
        require_own_dag(pipeline, seen.table)
    every = chain_stages(PARTITION, pipeline=pipeline)
    records = [each for each in every if seen is pipeline or each.each_table]
    grain, named = seen.table.grain, "" if seen is pipeline else f" of {table}"
    ending = DATA_DAG if seen is pipeline else f"{table}_{DATA_DAG}"
    partitions = seen.partitions()
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}:{named.removeprefix(' of')} data",
        "description": f"Each {grain}{named} once it is over: {listed_names(records)}.",
        # The first tick carries the key of the partition before it.
        "start_date": partitions.end(partitions.of_day(_first_day(seen))),
        "max_active_runs": 8,
        "params": data_form(partitions, records),
        **deadline_of(pipeline, "taken in"),
    }
    schedule = more.pop("schedule", once_closed(pipeline, seen.table))
    with DAG(schedule=schedule, **(common(seen, ending, doc) | own | more)) as made:
        taken = tables_taken_in(pipeline, seen.table)
        wire(pipeline, records, taken)
        _end(pipeline, made, [each.name for each in taken])
    return made


def _end(pipeline: Pipeline, dag: DAG, tables: Sequence[str]) -> None:
    """What comes after the last tasks: news of a refusal, and a task without work.

    A run ends as its last tasks do; those news would make a success of the run of a refused day.
    """
    last = [task for task in dag.tasks if not task.downstream_task_ids]
    last >> refusals(pipeline, tables)
    last >> EmptyOperator(task_id=TAKEN_IN, pool=OTHER_POOL)


def table_dags(pipeline: Pipeline, doc: str | None = None) -> list[DAG]:
    """A DAG for each table of another grain than the examples'.

    Airflow finds them without a name in the DAG file.

    Args:
        pipeline: The declaration.
        doc: What their pages say first.
    """
    return [data_dag(pipeline, doc, table=table.name) for table in tables_of_own(pipeline)]


def model_dag(pipeline: Pipeline, doc: str | None = None, **more: Any) -> DAG:
    """The DAG that waits for the days of a window, makes a model of them and evaluates it.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        more: Arguments of the ``DAG`` to replace.
    """
    records = chain_stages(WINDOW, MODEL, pipeline=pipeline)
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: model",
        "description": f"For each as-of day: {listed_names(records)}.",
        "start_date": first_midnight(pipeline),
        "max_active_runs": 2,
        "params": model_form(pipeline),
    }
    schedule = more.pop("schedule", as_of_tick(pipeline))
    with DAG(schedule=schedule, **(common(pipeline, MODEL_DAG, doc) | own | more)) as made:
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
        "start_date": first_midnight(pipeline),
        "max_active_runs": 1,
        "params": search_form(pipeline),
    }
    earlier: dict[str, Any] = {"as_of": SEARCH_DAY, "settings": SEARCH_SETTINGS}
    schedule = more.pop("schedule", None)
    with DAG(schedule=schedule, **(common(pipeline, TUNE.dag, doc) | own | more)) as made:
        chain(
            await_partitions(pipeline, promotes=False, asks="", **earlier),
            *(stage(pipeline, name, **earlier) for name in _before_trials(pipeline)),
            trials(pipeline),
            stage(pipeline, TUNE.name, settings=SEARCH_SETTINGS),
        )
    return made


def _before_trials(pipeline: Pipeline) -> list[str]:
    """The stages that make what the trials of a search train on, in order."""
    made = [giver_of(result).name for result in TUNE.takes]
    only = [s.name for s in stages(pipeline) if s.only_where and s.scope == WINDOW]
    return [s.name for s in stages(pipeline) if s.name in {*made, *only}]


def on_demand_dags(pipeline: Pipeline, doc: str | None = None) -> list[DAG]:
    """A DAG for each other stage that is run on demand by itself, so that its record alone adds it.

    Airflow finds them without a name in the DAG file.

    Args:
        pipeline: The declaration.
        doc: What their pages say first.
    """
    asked = (each for each in stages(pipeline) if each.on_demand and not each.group)
    others = [each for each in asked if each.name != TUNE.name]
    return [_on_demand_dag(pipeline, record, doc) for record in others]


def _on_demand_dag(pipeline: Pipeline, record: Stage, doc: str | None) -> DAG:
    by_day = record.scope == PARTITION
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: {record.name}",
        "description": record.does,
        "start_date": first_midnight(pipeline),
        "params": data_form(pipeline.partitions(), [record])
        if by_day
        else model_form(pipeline),
    }
    with DAG(schedule=None, **(common(pipeline, record.dag, doc) | own)) as made:
        wire(pipeline, [record])
    return made


def wire(
    pipeline: Pipeline, records: Iterable[Stage], tables: Sequence[Table] = ()
) -> list[Any]:
    """Make the tasks of some stages, each after those whose work it needs.

    Args:
        pipeline: The declaration.
        records: The stages, each after those it needs.
        tables: The tables that are taken in, each by its own tasks; the examples' alone if none is given.

    Returns:
        The tasks that come after none of them.
    """
    every = tables or [pipeline.table]
    made, first = dict[tuple[str, str], Any](), []
    for record, table in _work(pipeline, records, every):
        task = begins = stage(pipeline, record.name, table.name)
        if record.approval:
            begins = approval(pipeline, record.name)
            begins >> task
        made[record.name, table.name] = task
        needed = _needed(pipeline, record, table, every)
        before = [made[each] for each in needed if each in made]
        before >> begins if before else first.append(begins)
    return first


def _work(
    pipeline: Pipeline, records: Iterable[Stage], tables: Sequence[Table]
) -> list[tuple[Stage, Table]]:
    """The stages of each table in turn, then those that work on the examples alone."""
    every = list(records)
    of_each = [(each, table) for table in tables for each in every if each.each_table]
    return of_each + [(each, pipeline.table) for each in every if not each.each_table]


def _needed(
    pipeline: Pipeline, record: Stage, table: Table, tables: Sequence[Table]
) -> list[tuple[str, str]]:
    """Stage and table of the work that comes before a stage of a table."""
    before = [each.name for each in stages_before(record, pipeline)]
    if not record.each_table:
        return [(name, other.name) for name in before for other in tables]
    validating, read = stage_of(VALIDATED).name, tables_read_by(pipeline, table)
    own = [(name, table.name) for name in before]
    return own or [(validating, name) for name in sorted(read)]


def once_closed(pipeline: Pipeline, table: Table | None = None) -> PartitionTimetable:
    """The schedule of the DAG that takes in a table: a tick carries the key of the partition just over."""
    own, cron = table or pipeline.table, pipeline.schedule.data_cron
    if own.grain != pipeline.table.grain or not cron:
        cron = cron_of(own.grain, like=cron)
    return PartitionTimetable(cron, own.partitions(pipeline.time_zone))


def as_of_tick(pipeline: Pipeline) -> CronPartitionTimetable:
    """The model DAG's schedule: the key is the tick's own day, the model's as-of day."""
    return CronPartitionTimetable(
        pipeline.schedule.model_cron,
        timezone=pipeline.time_zone,
        run_offset=0,
        key_format=DAY_KEY,
    )


def common(pipeline: Pipeline, ending: str, doc: str | None) -> dict[str, Any]:
    """What every DAG of a pipeline has."""
    return {
        "dag_id": f"{pipeline.name}_{ending}",
        "tags": ["millrace", pipeline.name, ending],
        "catchup": False,
        "default_args": DEFAULT_ARGS,
        "user_defined_macros": macros(pipeline),
        "doc_md": f"{doc or ''}\n\n{pipeline.meaning}\n\nPools: `{STAGES_POOL}` (as many slots as "
        f"cores) and `{GPU_POOL}` (one slot). Variables: `millrace_store`, `millrace_source`, "
        f"`millrace_source_connection`, "
        f"`millrace_history_from`, `millrace_approvers` (user ids), each also with `_{pipeline.name}` at its end.",
    }


def listed_names(records: Iterable[Stage]) -> str:
    """Names of stages, for the description of a DAG."""
    return ", ".join(record.name for record in records)


def _first_day(pipeline: Pipeline) -> str:
    return pipeline.table.start or pipeline.schedule.start


def first_midnight(pipeline: Pipeline) -> datetime:
    """The start of the first day of data."""
    return Partitions(DAY, pipeline.time_zone).start(pipeline.schedule.start)
