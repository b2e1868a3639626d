"""The record of this stage."""

from pipelines.protocol.stage import WINDOW, Page, Stage

STAGE = Stage(
    record=__name__,
    does="Publish the settings that did best in a search.",
    scope=WINDOW,
    dataset="tunings",
    takes=("training_set",),
    on_demand=True,
    pages=(Page("tuning.html"),),
)
