"""The DAGs that score, alone; a test gives the event that features are published."""

from millrace.airflow.score_dags import score_dag, score_days_dag
from pipelines.spec import load

PIPELINE = load("fraud_detection")

score = score_dag(PIPELINE, __doc__)
score_days = score_days_dag(PIPELINE, __doc__)
