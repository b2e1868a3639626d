"""The DAGs of a pipeline as ``dags/`` has them, whose stages are a toy."""

from millrace.airflow.dags import data_dag, model_dag
from millrace.airflow.operator import StageOperator
from pipelines.spec import load

PIPELINE = load("fraud_detection")


def with_toys(dag):
    for task in dag.tasks:
        task.pool = "default_pool"
        if isinstance(task, StageOperator):
            task.module, task.new_interpreter = "tests.plugins.toy_stage", True
    return dag


toy_data = with_toys(data_dag(PIPELINE, __doc__, dag_id="toy_data"))
for name in ("validate", "featurize"):
    toy_data.get_task(name).options = ["raise={{ var.value.get('toy_raise', '') }}"]

toy_model = with_toys(model_dag(PIPELINE, __doc__, dag_id="toy_model"))
for name in ("validate_window", "preprocess", "train", "evaluate"):
    digest = f"digest={{{{ var.value.get('toy_{name}', 'of-{name}') }}}}"
    toy_model.get_task(name).options = [digest]
toy_model.get_task("promote").options += ["answered_why={{ var.value.get('toy_fate', '') }}"]

# Its days are in no store.
toy_model.get_task("await_partitions").execute = lambda context: {}
