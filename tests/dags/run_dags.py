"""Run DAGs of the toy bundle by ``dag.test()`` and print what became of each task, as JSON.

Airflow keeps its settings for the life of a process, so tests start this file in one of its own.
"""

import json
import os
import sys

import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session
from sqlalchemy import select


def ran(dag, logical_date, conf):
    date = pendulum.parse(logical_date) if logical_date else None
    run = dag.test(logical_date=date, run_conf=conf)
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    results = {}
    for ti in run.get_task_instances():
        results[ti.task_id] = (
            ti.xcom_pull(task_ids=ti.task_id) if ti.state == "success" else None
        )
    with create_session() as session:
        query = select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)
        events = [
            [e.asset.name, e.source_task_id, e.partition_key, e.extra]
            for e in session.scalars(query)
        ]
    return {"state": str(run.state), "tasks": states, "results": results, "events": events}


if __name__ == "__main__":
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"], bundle_name="dags-folder")
    results = []
    for name, logical_date, conf, variables in json.loads(sys.argv[1]):
        os.environ.update(variables)
        results.append(ran(bag.dags[name], logical_date, conf))
    print("\n" + json.dumps(results))
