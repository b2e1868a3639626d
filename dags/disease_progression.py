"""Disease progression: take in each year of records once it is over; train, evaluate and promote a model a year.

Every task publishes whole artifacts named by what they are made from, so a retry, a clear or
a backfill does no work twice and replaces nothing it did not make.
"""

from millrace.airflow.champion_dag import champion_dag
from millrace.airflow.dags import data_dag, model_dag, on_demand_dags, table_dags, tune_dag
from millrace.airflow.retraining import retraining_dags
from millrace.airflow.score_dags import score_dag, score_days_dag
from pipelines.spec import load

PIPELINE = load("disease_progression")

data = data_dag(PIPELINE, __doc__)
tables = table_dags(PIPELINE, __doc__)
model = model_dag(PIPELINE, __doc__)
tune = tune_dag(PIPELINE, __doc__)
score = score_dag(PIPELINE, __doc__)
score_days = score_days_dag(PIPELINE, __doc__)
retraining = retraining_dags(PIPELINE, __doc__)
champion = champion_dag(PIPELINE, __doc__)
others = on_demand_dags(PIPELINE, __doc__)
