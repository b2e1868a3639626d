"""From an alarm to a new model: an asset event with the as-of day, and the DAG that starts the model's run for it.

Why: the model DAG keeps its own schedule; a run that an alarm asks for stands beside it, once for each as-of day.
Promise: the as-of day is in the event's partition key and in the id of the run, so whenever the run is started, or
    started again, it makes the same model. A task that failed with its alarm asks as well.
Not here: which alarms ask, and the cool-down (``pipelines/stages/watch/retraining.py``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, PartitionedAssetTimetable
from airflow.sdk.exceptions import AirflowSkipException

from millrace.airflow.dags import common, first_midnight
from millrace.airflow.partition import PARTITION
from millrace.airflow.tasks import OTHER_POOL
from millrace.airflow.templates import store_and_history
from pipelines.core.store import Ref, Store
from pipelines.protocol import partition_key, stage_of
from pipelines.protocol.stage import MODEL_DAG
from pipelines.spec import Pipeline
from pipelines.stages.watch.record import STAGE as WATCH

RETRAINING = "retraining"
ASKED, ALARMS = "asked_as_of", "alarms"


class RetrainingOperator(BaseOperator):
    """Publish the asset that asks for a model, where the watched partition does.

    Args:
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        partition: The watched partition. (templated)
    """

    template_fields: Sequence[str] = ("store", "partition")

    def __init__(self, *, pipeline: str, store: str, partition: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline, self.store, self.partition = pipeline, store, partition

    def execute(self, context: Mapping[str, Any]) -> str:
        """Publish the as-of day as the event's partition key.

        Raises:
            AirflowSkipException: The partition asks for no model.
        """
        ref = Ref(self.pipeline, WATCH.dataset, partition_key(self.partition))
        found = Store(self.store).find(ref)
        as_of = "" if found is None else str(found.outcome.get(ASKED, ""))
        if found is None or not as_of:
            raise AirflowSkipException(f"{self.partition} asks for no new model.")
        for outlet in self.outlets:
            event = context["outlet_events"][outlet]
            event.extra = {"as_of": as_of, "partition": self.partition} | {
                ALARMS: found.outcome.get(ALARMS, [])
            }
            event.add_partitions([as_of])
        return as_of


def retraining_asset(pipeline: Pipeline) -> Asset:
    """The asset that gets an event for each as-of day that an alarm asks a model for."""
    return Asset(
        f"{pipeline.name}_{RETRAINING}", uri=f"millrace://{pipeline.name}/{RETRAINING}"
    )


def ask_for_model(pipeline: Pipeline) -> RetrainingOperator:
    """The task after ``watch``; a teardown, so that it runs after a failure and hides none."""
    asking = RetrainingOperator(
        task_id="ask_for_model",
        doc_md="Publish the asset that starts the model DAG, where an alarm asks for a new model.",
        pipeline=pipeline.name,
        store=store_and_history(pipeline)["store"],
        partition=PARTITION,
        pool=OTHER_POOL,
        outlets=[retraining_asset(pipeline)],
    )
    asking.as_teardown()
    return asking


def retraining_dags(pipeline: Pipeline, doc: str | None = None) -> list[DAG]:
    """The DAG that starts the model's run for an as-of day that was asked for; none where nothing asks.

    Airflow finds it without a name in the DAG file.

    Args:
        pipeline: The declaration.
        doc: What its page says first.
    """
    if not pipeline.watch.retraining.on:
        return []
    # Half of what parsing a DAG file costs; few pipelines ask for it.
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

    own: dict[str, Any] = {
        "dag_display_name": f"{pipeline.title}: retraining",
        "description": f"Start the model DAG where {stage_of(WATCH.dataset).name} asks for a model.",
        "start_date": first_midnight(pipeline),
        "max_active_runs": 1,
    }
    schedule = PartitionedAssetTimetable(assets=retraining_asset(pipeline))
    with DAG(schedule=schedule, **(common(pipeline, RETRAINING, doc) | own)) as made:
        TriggerDagRunOperator(
            task_id="start_model",
            trigger_dag_id=f"{pipeline.name}_{MODEL_DAG}",
            # One run for each as-of day, however often a day is watched again.
            trigger_run_id=f"{RETRAINING}__{{{{ dag_run.partition_key }}}}",
            conf={"as_of": "{{ dag_run.partition_key }}"},
            logical_date=None,
            skip_when_already_exists=True,
            pool=OTHER_POOL,
        )
    return [made]
