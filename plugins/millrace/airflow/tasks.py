"""The tasks of a pipeline, each from its stage's record.

Why: a stage is listed in its own record alone; a DAG of one's own takes the same tasks as ours.
Promise: nothing is read when a DAG file is parsed; ``**more`` replaces any argument of a task.
Not here: which task follows which (``dags.py``), the operators themselves.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, TriggerRule

from millrace.airflow.approval import AskOperator
from millrace.airflow.assets import assets, assets_of
from millrace.airflow.await_partitions import AwaitPartitionsOperator
from millrace.airflow.command import CommandOperator
from millrace.airflow.operator import StageOperator
from millrace.airflow.partition import AS_OF, PARTITION
from millrace.airflow.policies import EVENTS_WAIT, SOURCE_WAIT
from millrace.airflow.refusals import AnnounceRefusalOperator
from millrace.airflow.templates import (
    FORM_SETTINGS,
    OTHER_SETTINGS,
    SEARCH_SETTINGS,
    input_templates,
    option_templates,
    store_and_history,
    variable,
)
from millrace.airflow.trials import NumbersOperator, TrialOperator
from pipelines.core.partitions import ALL
from pipelines.protocol import Stage, chain_stages, giver_of, stage_named
from pipelines.protocol.stage import MODEL, WINDOW
from pipelines.protocol.stage import PARTITION as BY_DAY
from pipelines.spec import Pipeline
from pipelines.stages.tune.record import STAGE as TUNE

__all__ = [
    "approval",
    "assets",
    "await_partitions",
    "housekeeping",
    "refusals",
    "stage",
    "trials",
]

OTHER_POOL = "default_pool"
"""Tasks that do no work of a stage take no slot of the stages' pools."""

EVALUATION, TRAINED = "evaluation", "model"
"""Results by the names that stages give them."""

HOUSEKEEPING_TIMEOUT = timedelta(hours=2)
ANSWER_WITHIN = timedelta(days=7)


def stage(
    pipeline: Pipeline, name: str, table: str | None = None, **more: Any
) -> StageOperator:
    """The task of one stage, its partition or as-of day and its settings taken from the run.

    Args:
        pipeline: The declaration.
        name: Name of the stage.
        table: The table that is taken in; by default the examples'.
        more: Arguments of the task to replace.
    """
    record = stage_named(name, pipeline)
    by_day = {"partition": PARTITION, "settings": OTHER_SETTINGS}
    of_model = {"as_of": AS_OF, "settings": FORM_SETTINGS}
    defaults: dict[str, Any] = {
        "task_id": name,
        "stage": name,
        "pipeline": pipeline.name,
        "doc_md": record.does,
        "source": variable("source", pipeline) if record.reads_source else None,
        "options": option_templates(pipeline, record.options, record.approval),
        "inputs": input_templates(record.takes),
        "execution_timeout": record.timeout,
        "pool": record.pool,
        "retries": record.retries,
        "trigger_rule": _trigger_rule(record),
        "outlets": assets_of(pipeline, record),
        **store_and_history(pipeline),
        **(by_day if record.scope == BY_DAY else of_model),
        **_of_table(pipeline, record, table or pipeline.examples),
        **_derived(pipeline, record, table or pipeline.examples),
    }
    return StageOperator(**(defaults | more))


def _of_table(pipeline: Pipeline, record: Stage, table: str) -> dict[str, Any]:
    """What the task of a table other than the examples' has in place of theirs."""
    if table == pipeline.examples:
        return {}
    of_table: dict[str, Any] = {"task_id": f"{record.name}_{table}", "table": table}
    if pipeline.of_table(table).partitions().grain == ALL:
        of_table["partition"] = ALL
    return of_table | {"outlets": assets_of(pipeline, record, table)}


def _derived(pipeline: Pipeline, record: Stage, table: str) -> dict[str, Any]:
    """What the task that derives a table's rows has in place of that which reads a source.

    A refused partition has no rows for it, and does not stop it. It looks again sooner, as runs of a
    backfill wait for each other, and for as long as for a source.
    """
    if not (record.reads_source and pipeline.of_table(table).table.derived_from):
        return {}
    looks = record.retries * (SOURCE_WAIT // EVENTS_WAIT)
    return {"trigger_rule": TriggerRule.ALL_DONE, "retries": looks}


def _trigger_rule(record: Stage) -> TriggerRule:
    if record.runs_after_refusal:
        return TriggerRule.ALL_DONE
    # An approval that nobody asked for is skipped, and its stage goes on.
    return TriggerRule.NONE_FAILED if record.approval else TriggerRule.ALL_SUCCESS


def approval(pipeline: Pipeline, name: str, **more: Any) -> AskOperator:
    """The task that asks a person before a stage, if the form says so and it matters."""
    record = stage_named(name, pipeline)
    defaults: dict[str, Any] = {
        "task_id": record.approval,
        "stage": name,
        "pipeline": pipeline.name,
        "store": store_and_history(pipeline)["store"],
        "as_of": AS_OF,
        "stage_settings": FORM_SETTINGS,
        "stage_options": option_templates(pipeline, record.options),
        "stage_inputs": input_templates(record.takes),
        "pool": OTHER_POOL,
        "wanted": f"{{{{ params.get('{record.approval}', false) }}}}",
        "approvers": variable("approvers", pipeline),
        "subject": f"{pipeline.title}: {name} the model as of {AS_OF}?",
        "body": f"{{{{ numbers_of(ti.xcom_pull(task_ids='{giver_of(EVALUATION).name}')) }}}}",
        "response_timeout": ANSWER_WITHIN,
    }
    return AskOperator(**(defaults | more))


def refusals(pipeline: Pipeline, tables: Sequence[str], **more: Any) -> AnnounceRefusalOperator:
    """The task that announces what failed tasks published, such as a refused partition.

    Args:
        pipeline: The declaration.
        tables: The tables that the run takes in.
        more: Arguments of the task to replace.
    """
    defaults: dict[str, Any] = {
        "task_id": "announce_refusal",
        "pool": OTHER_POOL,
        "pipeline": pipeline.name,
        "partition": PARTITION,
        "store": store_and_history(pipeline)["store"],
        "tables": list(tables),
        "trigger_rule": TriggerRule.ALL_FAILED,
        "outlets": _announced(pipeline, tables),
        "doc_md": "Give the assets of refused partitions their events.",
    }
    return AnnounceRefusalOperator(**(defaults | more))


def _announced(pipeline: Pipeline, tables: Sequence[str]) -> list[Asset]:
    """The assets of what the run of these tables takes in."""
    found = list[Asset]()
    for record in chain_stages(BY_DAY, pipeline=pipeline):
        own = tables if record.each_table else [t for t in tables if t == pipeline.examples]
        found += [asset for table in own for asset in assets_of(pipeline, record, table)]
    return found


def await_partitions(pipeline: Pipeline, **more: Any) -> AwaitPartitionsOperator:
    """The task that waits for the days of the model's window."""
    of_model = chain_stages(WINDOW, MODEL, pipeline=pipeline)
    asked = {o.name: o for each in of_model for o in each.options if o.service}
    asks = [f"params.get('{each.approval}', false)" for each in of_model if each.approval]
    defaults: dict[str, Any] = {
        "task_id": "await_partitions",
        "pool": OTHER_POOL,
        "pipeline": pipeline.name,
        "as_of": AS_OF,
        "settings": FORM_SETTINGS,
        "options": option_templates(pipeline, asked.values()),
        "asks": f"{{{{ {' or '.join(asks) or 'false'} }}}}",
        "approvers": variable("approvers", pipeline),
        **store_and_history(pipeline),
    }
    return AwaitPartitionsOperator(**(defaults | more))


def trials(pipeline: Pipeline, **more: Any) -> Any:
    """The trials of a search as mapped tasks, as many at once as the pool has slots."""
    numbers = NumbersOperator(task_id="numbers", pool=OTHER_POOL, count="{{ params.trials }}")
    training = giver_of(TRAINED)
    defaults: dict[str, Any] = {
        "task_id": "trial",
        "pool": training.pool,
        "pipeline": pipeline.name,
        "as_of": AS_OF,
        "settings": SEARCH_SETTINGS,
        "options": option_templates(pipeline, training.options),
        "inputs": input_templates(TUNE.takes),
        "execution_timeout": training.timeout,
        "map_index_template": "trial {{ task.number }}{{ task.came_to }}",
        "doc_md": "Train with drawn settings until others do better, or to the last epoch.",
        **store_and_history(pipeline),
    }
    return TrialOperator.partial(**(defaults | more)).expand(number=numbers.output)


def housekeeping(pipeline: Pipeline, **more: Any) -> CommandOperator:
    """The task that removes what a pipeline's part of the store no longer needs."""
    argv = ["housekeeping", pipeline.name, "--store", store_and_history(pipeline)["store"]]
    argv += ["--mlflow-uri", variable("mlflow_uri", pipeline)]
    defaults: dict[str, Any] = {
        "task_id": pipeline.name,
        "execution_timeout": HOUSEKEEPING_TIMEOUT,
    }
    return CommandOperator(argv=argv, **(defaults | more))
