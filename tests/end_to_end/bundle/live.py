"""A stage that reports its progress until a file exists, once alone and once as mapped tasks."""

from functools import partial

import pendulum
from airflow.sdk import dag

from millrace.airflow.dags import DEFAULT_ARGS
from millrace.airflow.operator import StageOperator

TRAIN = partial(
    dict,
    stage="validate",
    pipeline="fraud_detection",
    store="{{ var.value.millrace_store }}",
    options=["do=train", "until={{ var.value.toy_pids }}/trained"],
    module="tests.plugins.toy_stage",
    new_interpreter=True,
)


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    default_args=DEFAULT_ARGS | {"pool": "default_pool"},
)
def toy_live():
    StageOperator(task_id="alone", partition="2026-01-05", **TRAIN())
    mapped = StageOperator.partial(
        task_id="each", map_index_template="day {{ task.partition }}", **TRAIN()
    )
    mapped.expand(partition=["2026-01-05"])


toy_live()
