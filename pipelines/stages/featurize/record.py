"""The record of this stage."""

from pipelines.protocol.stage import COMPUTE, PARTITION, Outlet, Stage

STAGE = Stage(
    record=__name__,
    does="Compute each row's features from the row and its entities' history.",
    scope=PARTITION,
    dataset="features",
    needs=("validated",),
    # A refused day has no features of its own, yet its verdict releases later days'.
    runs_after_refusal=True,
    options=COMPUTE,
    outlets=(Outlet("features", "features"),),
)
