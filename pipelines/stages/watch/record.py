"""The record of this stage."""

from pipelines.protocol.stage import PARTITION, SCORE_DAG, Outlet, Page, Stage

STAGE = Stage(
    record=__name__,
    does="Compare a scored day with the champion's training days and the weeks before; raise alarms.",
    scope=PARTITION,
    dataset="monitoring",
    needs=("scores", "settlements"),
    on_demand=True,
    group=SCORE_DAG,
    pages=(Page("watched.html", title="Watched day"),),
    outlets=(Outlet("monitoring", "monitoring"),),
)
