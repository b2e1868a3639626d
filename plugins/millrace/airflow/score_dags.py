"""The DAGs that score a pipeline's partitions: each as its features are published, and several again by a form.

Why: whoever acts on scores waits for a day's features, not for a time of the day; and a newly promoted model, or a
    chosen version, is asked for many days at once.
Promise: nothing is read when a DAG file is parsed; the tasks are the stages whose records have this group, in their
    order. A partition without a champion, or that was refused, is skipped and says why.
Not here: a stage's task (``tasks.py``), which model scores a day (``pipelines/stages/score/``).
"""

from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, chain, task_group

from millrace.airflow.assets import assets
from millrace.airflow.dags import common, first_midnight, listed_names
from millrace.airflow.forms import score_form, score_range_form
from millrace.airflow.late_days import deadline_of
from millrace.airflow.partition_range import PartitionRangeOperator
from millrace.airflow.retraining import ask_for_model
from millrace.airflow.tasks import OTHER_POOL, stage
from pipelines.protocol import Stage, stages
from pipelines.protocol.stage import SCORE_DAG
from pipelines.spec import Pipeline
from pipelines.stages.watch.record import STAGE as WATCH

FEATURES = "features"
DAYS_DAG = f"{SCORE_DAG}_days"


def score_dag(
    pipeline: Pipeline, doc: str | None = None, *, on_alarm: Any = None, **more: Any
) -> DAG:
    """The DAG that scores each partition once its features are published, then settles and watches it.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        on_alarm: What is called where an alarm fails a partition: a notifier, a function of the task's context,
            or several.
        more: Arguments of the ``DAG`` to replace, such as ``schedule``.
    """
    records = grouped_stages(pipeline)
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: score",
        "description": f"Each {pipeline.table.grain} once it has features: {listed_names(records)}.",
        "start_date": first_midnight(pipeline),
        "max_active_runs": 4,
        "params": score_form(pipeline, records),
        **deadline_of(pipeline, "scored"),
    }
    schedule = more.pop("schedule", once_featurized(pipeline))
    with DAG(schedule=schedule, **(common(pipeline, SCORE_DAG, doc) | own | more)) as made:
        tasks = _wire_partition(pipeline, records)
        tasks[WATCH.name].on_failure_callback = _several(on_alarm)
        if pipeline.watch.retraining.on:
            tasks[WATCH.name] >> ask_for_model(pipeline)
    return made


def score_days_dag(pipeline: Pipeline, doc: str | None = None, **more: Any) -> DAG:
    """The DAG that scores several partitions by hand: with the champion of each, or with a chosen version.

    Each partition is a mapped group of the same tasks, so Airflow spreads, retries and shows them one by one.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
        more: Arguments of the ``DAG`` to replace.
    """
    records = grouped_stages(pipeline)
    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: score several {pipeline.table.grain}s",
        "description": f"By hand, for each {pipeline.table.grain} of the form: {listed_names(records)}.",
        "start_date": first_midnight(pipeline),
        "max_active_runs": 1,
        "params": score_range_form(pipeline, records),
    }
    schedule = more.pop("schedule", None)
    with DAG(schedule=schedule, **(common(pipeline, DAYS_DAG, doc) | own | more)) as made:
        keys = PartitionRangeOperator(
            task_id="partitions",
            pool=OTHER_POOL,
            pipeline=pipeline.name,
            first="{{ params.first or '' }}",
            last="{{ params.last or '' }}",
        )

        @task_group(group_id=pipeline.table.grain)
        def one(partition: str) -> None:
            _wire_partition(pipeline, records, partition=partition)

        one.expand(partition=keys.output)
    return made


def grouped_stages(pipeline: Pipeline) -> list[Stage]:
    """The stages of the score DAG, in order."""
    return [each for each in stages(pipeline) if each.group == SCORE_DAG]


def once_featurized(pipeline: Pipeline) -> PartitionedAssetTimetable:
    """The schedule of the score DAG: a run for each partition whose features are published, with its key."""
    return PartitionedAssetTimetable(assets=assets(pipeline)[FEATURES])


def _wire_partition(pipeline: Pipeline, records: list[Stage], **more: Any) -> dict[str, Any]:
    """The tasks of a partition by stage, one after another: each says something of what the one before has done."""
    made = {
        each.name: stage(
            pipeline, each.name, **({"skip_where": _skip_where(records, each)} | more)
        )
        for each in records
    }
    chain(*made.values())
    return made


def _several(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


def _skip_where(records: list[Stage], record: Stage) -> str:
    """Why the task of a stage is skipped: another one makes a variant, of which it knows nothing."""
    variants = sorted({each.variant for each in records if each.variant} - {record.variant})
    return "".join(
        f"{{% if params.get('{name}') %}}The run makes what was asked for with {name}, and {record.name} "
        f"is for what is made without it. {{% endif %}}"
        for name in variants
    )
