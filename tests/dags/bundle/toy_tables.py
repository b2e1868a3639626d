"""The DAGs of a pipeline with several tables, whose stages are a toy."""

from millrace.airflow.dags import data_dag, table_dags
from millrace.airflow.operator import StageOperator
from pipelines.spec import load

PIPELINE = load("clinic")

made = [data_dag(PIPELINE, __doc__), *table_dags(PIPELINE, __doc__)]
for dag in made:
    for task in dag.tasks:
        task.pool = "default_pool"
        if isinstance(task, StageOperator):
            task.module, task.new_interpreter = "tests.plugins.toy_stage", True
