"""The record of this stage."""

from datetime import timedelta

from pipelines.protocol.stage import (
    COMPUTE,
    PARTITION,
    REGISTRY,
    SCORE_DAG,
    Option,
    Outlet,
    Stage,
)

VERSION = Option(
    name="version",
    form="Version to score with",
    hint="A number in the registry. Empty: the champion of that day. Scores of a chosen version stand beside "
    "those that were given, and replace none.",
)
SHADOW = Option(
    name="shadow",
    form="Challengers to score beside it",
    hint="Versions, such as 3,5: their scores are written beside the champion's and decide nothing.",
)

STAGE = Stage(
    record=__name__,
    does="Score the rows of a day with the champion of that day.",
    scope=PARTITION,
    dataset="scores",
    needs=("features",),
    on_demand=True,
    group=SCORE_DAG,
    variant=VERSION.name,
    timeout=timedelta(hours=4),
    connections=("scoring.connection",),
    options=(*COMPUTE, REGISTRY, VERSION, SHADOW),
    outlets=(Outlet("scores", "scores"),),
)
