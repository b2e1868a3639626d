"""The record of this stage."""

from datetime import timedelta

from pipelines.protocol.stage import COMPUTE, WINDOW, Stage

STAGE = Stage(
    record=__name__,
    does="Merge the days' statistics, fit the operators, and write training shards.",
    scope=WINDOW,
    dataset="training_set",
    needs=("features",),
    gives="training_set",
    takes=("window_validation", "model_cohort"),
    timeout=timedelta(hours=4),
    options=COMPUTE,
)
