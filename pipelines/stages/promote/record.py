"""The record of this stage."""

from pipelines.protocol.stage import (
    MODEL,
    PROMOTED_ONLY,
    REGISTRY,
    TUNED,
    Option,
    Outlet,
    Page,
    Stage,
)

STAGE = Stage(
    record=__name__,
    does="Register the model, and make it the champion if it is better and nobody refuses it.",
    scope=MODEL,
    dataset="promotions",
    gives="promotion",
    takes=("model", "evaluation"),
    first_seed_only=True,
    approval="approve",
    options=(
        TUNED,
        Option(
            name="promote_older",
            is_switch=True,
            form="Let an older model replace a newer champion",
            hint="A backfill of old models leaves the champion alone unless this is on.",
        ),
        Option(name="answer", of_answer="answer"),
        Option(name="answered_by", of_answer="by"),
        Option(name="answered_why", of_answer="why"),
        REGISTRY,
    ),
    pages=(Page("promotion.html", title="Promotion", kind="promotion"),),
    outlets=(
        Outlet("model", "models", only=PROMOTED_ONLY),
        Outlet("evaluated_model", "promotions"),
    ),
)
