"""The record of this stage."""

from pipelines.protocol.stage import PARTITION, SCORE_DAG, Page, Stage

STAGE = Stage(
    record=__name__,
    does="Estimate what the day's scores are worth, and measure those whose labels have become known.",
    scope=PARTITION,
    dataset="settlements",
    needs=("scores",),
    on_demand=True,
    group=SCORE_DAG,
    pages=(Page("settlement.html", "Settlement"),),
)
