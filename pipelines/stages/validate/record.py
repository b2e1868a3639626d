"""The record of this stage."""

from pipelines.protocol.stage import COMPUTE, DATA_DOCS_PAGE, PARTITION, Page, Stage

STAGE = Stage(
    record=__name__,
    does="Validate a day with Great Expectations: keep it, quarantine rows, or refuse it.",
    scope=PARTITION,
    each_table=True,
    dataset="validated",
    needs=("ingested",),
    options=COMPUTE,
    pages=(Page("report.html"), DATA_DOCS_PAGE),
)
