"""The record of this stage."""

from pipelines.protocol.stage import (
    ACCEPTED_ONLY,
    COMPUTE,
    DATA_DOCS_PAGE,
    PARTITION,
    Outlet,
    Page,
    Stage,
)

STAGE = Stage(
    record=__name__,
    does="Validate a day with Great Expectations: keep it, quarantine rows, or refuse it.",
    scope=PARTITION,
    each_table=True,
    dataset="validated",
    needs=("ingested",),
    options=COMPUTE,
    pages=(Page("report.html"), DATA_DOCS_PAGE),
    outlets=(
        Outlet("validated", "verdicts", of_table="_validated"),
        Outlet("good_partitions", "validated", only=ACCEPTED_ONLY),
    ),
)
