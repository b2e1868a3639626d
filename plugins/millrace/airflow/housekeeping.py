"""The DAG that keeps the store tidy, one task a declared pipeline.

Why: each project has one, and it is the same.
Promise: a pipeline whose declaration is broken is left out with a warning in the parse log; the
    others are kept tidy.
"""

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable

from millrace.airflow.dags import DEFAULT_ARGS
from millrace.airflow.tasks import housekeeping
from pipelines.spec import load_all


def housekeeping_dag(doc: str | None) -> DAG:
    """The DAG ``housekeeping``: each night, a task for every pipeline that can be loaded."""
    with DAG(
        dag_id="housekeeping",
        description="Remove what is no longer needed from the store.",
        schedule=CronTriggerTimetable("30 4 * * *", timezone="UTC"),
        start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["millrace"],
        doc_md=doc,
    ) as dag:
        for pipeline in load_all():
            housekeeping(pipeline)
    return dag
