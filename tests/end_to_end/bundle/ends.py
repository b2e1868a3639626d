"""Every way a stage can end, one task each; and the wiring of ``tests/dags/bundle``."""

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from millrace.airflow.dags import DEFAULT_ARGS
from millrace.airflow.operator import StageOperator

ENDS = {
    "killed": {"do": "die_once"},
    "refused": {"raise": "PartitionRefusedError"},
    "overtime": {"do": "wait"},
    "cleared": {"do": "wait_once"},
}


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    default_args=DEFAULT_ARGS | {"pool": "default_pool"},
)
def toy_ends():
    for name, options in ENDS.items():
        more = (
            {"retries": 0, "execution_timeout": timedelta(seconds=4)}
            if name == "overtime"
            else {}
        )
        StageOperator(
            task_id=name,
            stage="validate",
            pipeline="fraud_detection",
            store="{{ var.value.millrace_store }}",
            partition="2026-01-05",
            options=[
                *(f"{key}={value}" for key, value in options.items()),
                f"pid={{{{ var.value.toy_pids }}}}/{name}",
            ],
            module="tests.plugins.toy_stage",
            new_interpreter=True,
            **more,
        )


toy_ends()
