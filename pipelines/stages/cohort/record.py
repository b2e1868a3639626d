"""The record of this stage."""

from pipelines.protocol.stage import WINDOW, Page, Stage

STAGE = Stage(
    record=__name__,
    does="Draw the model's rows: label each by the events after it, divide entities, count who is left out.",
    scope=WINDOW,
    dataset="cohorts",
    needs=("features",),
    gives="model_cohort",
    takes=("window_validation",),
    # Other pipelines have their label among the features, and are divided by days alone.
    only_where="has_cohort",
    pages=(Page("report.html"),),
)
