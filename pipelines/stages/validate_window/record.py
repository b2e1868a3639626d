"""The record of this stage."""

from pipelines.protocol.stage import DATA_DOCS_PAGE, REGISTRY, WINDOW, Page, Stage

STAGE = Stage(
    record=__name__,
    does="Validate the window as a whole: days, rows, labels, nulls, drift from the champion's.",
    scope=WINDOW,
    dataset="window_validations",
    needs=("features",),
    gives="window_validation",
    options=(REGISTRY,),
    pages=(Page("report.html"), DATA_DOCS_PAGE),
)
