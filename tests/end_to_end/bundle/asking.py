"""Watching a day that was scored, by the tasks of the score DAG; and a model DAG that says what it was asked for."""

from pathlib import Path

from airflow.sdk import DAG, BaseNotifier, Variable, task

from millrace.airflow.dags import common, model_dag
from millrace.airflow.retraining import retraining_dags
from millrace.airflow.score_dags import score_dag
from pipelines.protocol.stage import MODEL_DAG
from pipelines.spec import load

PIPELINE = load("asking_fraud")


class FileNotifier(BaseNotifier):
    """A team's own: it writes what it was called with to a file."""

    template_fields = ("message",)

    def __init__(self, message):
        super().__init__()
        self.message = message

    def notify(self, context):
        """Write the message."""
        Path(Variable.get("notes")).write_text(self.message)


score = score_dag(PIPELINE, on_alarm=FileNotifier("{{ params.partition }}: {{ exception }}"))
for name in ("score", "settle"):
    # What they publish is there already.
    toy = score.get_task(name)
    toy.module, toy.new_interpreter = "tests.plugins.toy_stage", True
retraining = retraining_dags(PIPELINE)
params = model_dag(PIPELINE).params
with DAG(schedule=None, params=params, **common(PIPELINE, MODEL_DAG, None)) as model:

    @task
    def asked_for(params=None):
        """The as-of day of the run's form."""
        return params["as_of"]

    asked_for()
