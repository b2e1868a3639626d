"""The DAGs of a pipeline, wired as in ``dags/``, whose stages are a toy."""

from functools import partial

from airflow.sdk import TriggerRule, chain, dag

from millrace.airflow.dags import (
    approve,
    as_of_tick,
    data_dag,
    features_asset,
    model_dag,
    once_closed,
)
from millrace.airflow.dags import promote as promote_
from millrace.airflow.dags import stage as stage_
from pipelines.spec import load

PIPELINE = load("fraud_detection")
TOY = {"module": "tests.plugins.toy_stage", "new_interpreter": True, "pool": "default_pool"}
stage, promote = partial(stage_, PIPELINE, **TOY), partial(promote_, PIPELINE, **TOY)


@dag(schedule=once_closed(PIPELINE), **data_dag(PIPELINE, __doc__) | {"dag_id": "toy_data"})
def toy_data():
    chain(
        stage("ingest"),
        stage("validate", options=["raise={{ var.value.get('toy_raise', '') }}"]),
        stage(
            "featurize", trigger_rule=TriggerRule.ALL_DONE, outlets=[features_asset(PIPELINE)]
        ),
    )


@dag(schedule=as_of_tick(PIPELINE), **model_dag(PIPELINE, __doc__) | {"dag_id": "toy_model"})
def toy_model():
    made = [
        stage(name, options=[f"digest={{{{ var.value.get('toy_{name}', 'of-{name}') }}}}"])
        for name in ("validate_window", "preprocess", "train", "evaluate")
    ]
    options = ["promote_older={{ params.promote_older | lower }}"]
    options += ["promoted={{ var.value.get('toy_promoted', '') }}"]
    chain(*made, approve(PIPELINE), promote(options=options))


toy_data()
toy_model()
