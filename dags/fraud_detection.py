"""Card fraud: take in each day once it is over; train, judge and promote a model each week.

Every task publishes whole artifacts named by what they are made from, so a retry, a clear or
a backfill does no work twice and replaces nothing it did not make.
"""

from airflow.sdk import TriggerRule, chain, dag

from millrace.airflow.dags import (
    GPU_POOL,
    approve,
    as_of_tick,
    await_partitions,
    data_dag,
    features_asset,
    model_dag,
    once_closed,
    promote,
    stage,
    tune_dag,
)
from pipelines.spec import load

PIPELINE = load("fraud_detection")


@dag(schedule=once_closed(PIPELINE), **data_dag(PIPELINE, __doc__))
def fraud_detection_data() -> None:
    """Ingest, validate, featurize."""
    chain(
        stage(PIPELINE, "ingest"),
        stage(PIPELINE, "validate"),
        # A refused day has no features of its own, yet its verdict releases later days'.
        stage(
            PIPELINE,
            "featurize",
            trigger_rule=TriggerRule.ALL_DONE,
            outlets=[features_asset(PIPELINE)],
        ),
    )


@dag(schedule=as_of_tick(PIPELINE), **model_dag(PIPELINE, __doc__))
def fraud_detection_model() -> None:
    """Wait for the days, make a model, judge it, promote it if it is better."""
    chain(
        await_partitions(PIPELINE),
        stage(PIPELINE, "validate_window"),
        stage(PIPELINE, "preprocess"),
        stage(PIPELINE, "train", pool=GPU_POOL),
        stage(PIPELINE, "evaluate"),
        approve(PIPELINE),
        promote(PIPELINE),
    )


fraud_detection_data()
fraud_detection_model()
fraud_detection_tune = tune_dag(PIPELINE, __doc__)
