"""The record of this stage."""

from pipelines.protocol.stage import MODEL, REGISTRY, TUNED, Page, Stage

STAGE = Stage(
    record=__name__,
    does="Evaluate the model on later days, against the champion, with intervals.",
    scope=MODEL,
    dataset="evaluations",
    gives="evaluation",
    takes=("training_set", "model"),
    options=(TUNED, REGISTRY),
    pages=(Page("model_card.html"),),
)
