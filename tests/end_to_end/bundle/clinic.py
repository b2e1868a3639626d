"""The DAGs of a pipeline with several tables, as a user's DAG file has them."""

from millrace.airflow.dags import data_dag, model_dag, table_dags
from pipelines.spec import load

PIPELINE = load("clinic")

data = data_dag(PIPELINE, __doc__)
tables = table_dags(PIPELINE, __doc__)
model = model_dag(PIPELINE, __doc__)
