"""Keep the store tidy: what a kill left in staging directories, versions nobody points at, stale checkpoints.

One task a declared pipeline, each the same command as by hand:
``python -m pipelines housekeeping NAME --store URI``.
"""

import pendulum
from airflow.sdk import CronTriggerTimetable, dag

from millrace.airflow.dags import DEFAULT_ARGS
from millrace.airflow.tasks import housekeeping
from pipelines.spec import declared_names, load


@dag(
    dag_id="housekeeping",
    description="Remove what is no longer needed from the store.",
    schedule=CronTriggerTimetable("30 4 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["millrace"],
    doc_md=__doc__,
)
def housekeeping_dag() -> None:
    """One task a pipeline."""
    for name in declared_names():
        housekeeping(load(name))


housekeeping_dag()
