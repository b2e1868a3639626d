"""The record of this stage."""

from dataclasses import replace
from datetime import timedelta

from pipelines.protocol.stage import GPU_POOL, MODEL, REGISTRY, TUNED, Option, Stage

STAGE = Stage(
    record=__name__,
    does="Train the network on every GPU, or the CPU; resume where a kill left it.",
    scope=MODEL,
    dataset="models",
    gives="model",
    takes=("training_set",),
    heavy=True,
    # It resumes from its checkpoint.
    timeout=timedelta(hours=12),
    pool=GPU_POOL,
    options=(
        replace(
            TUNED,
            form="Use the settings of a search",
            hint="As-of day of the search, not after the model's. Empty: as declared.",
            is_day=True,
        ),
        REGISTRY,
        Option(name="track", is_switch=True),
    ),
)
