"""Stage ``promote``: register the judged model, and make it the champion if it earned it.

Why: promotion is the one step that changes what others use; it must be safe to repeat.
Promise: a model has one run and one version, however often this runs or is killed; only the
    verdict PROMOTE moves the champion, only if it was reached against the present one, and never
    back to an earlier as-of day unless asked.
Not here: promoting by hand and rolling back (``registry.py``).
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.days import parse_day
from pipelines.registry import Registered, opponent_of, registry_uri
from pipelines.stages import Outcome, Plan, Work, code_digests, input_of, require_pair
from pipelines.stages.settings import evaluation_settings, trained_settings
from pipelines.store import Manifest, Ref
from pipelines.tracking.params import flat_params

PROMOTE, GOLDEN = "PROMOTE", "golden.json"


def plan(work: Work) -> Plan:
    """The model, its evaluation, and whether an older model may replace a newer champion."""
    model, evaluation = _inputs(work)
    asked = work.options.get("mlflow_uri")
    return Plan(
        inputs={"model": model.content, "evaluation": evaluation.content},
        config={
            "promote_older": bool(work.options.get("promote_older", False)),
            "registry": str(asked) if asked else "the store's own",
        },
        code=code_digests("pipelines.promotion", "pipelines.registry", "pipelines.tracking"),
        made_from={"model": model, "evaluation": evaluation},
    )


def run(work: Work, plan: Plan, out: Path) -> Outcome:
    """Register the model, and move the champion if the verdict and the days allow it."""
    from pipelines.promotion.golden import check_golden
    from pipelines.promotion.registering import register
    from pipelines.promotion.registry import Registry
    from pipelines.registry.client import open_client

    model, evaluation = plan.made_from["model"], plan.made_from["evaluation"]
    verdict = str(evaluation.outcome["verdict"])
    uri = registry_uri(work.store, work.options.get("mlflow_uri"))
    registry = Registry(uri, work.pipeline.name)
    folder = work.store.open(model)
    if (folder / GOLDEN).exists():
        work.report.log(check_golden(folder))
    judged = _judged(work, model, evaluation, verdict, uri)
    copy_files = work.store.is_local and uri.startswith("http")
    with work.store.lock(_registry_lock(work)):
        registry.read()  # a server that cannot be reached is told before anything is written
        number = register(open_client(uri), judged, copy_files=copy_files)
        refusal = _refusal(registry.read(), number, evaluation, plan)
        if not refusal:
            registry.promote(number)
        held = registry.read()
    done = {"version": number, "champion": held.champion, "verdict": verdict, "uri": uri}
    (out / "promotion.json").write_text(json.dumps(done | {"reason": refusal}, indent=1) + "\n")
    reason = refusal or f"version {number} is the champion"
    work.report.log(reason)
    return Outcome(
        rows=0,
        verdict=verdict,
        reason=reason,
        metrics={"version": number},
        volatile=("promotion.json",),
    )


def _inputs(work: Work) -> tuple[Manifest, Manifest]:
    """The model and its own evaluation."""
    model = input_of(work, "model", trained_settings(work))
    evaluation = input_of(work, "evaluation", evaluation_settings(work))
    require_pair(work, "evaluation", evaluation, "model", model)
    return model, evaluation


def _registry_lock(work: Work) -> Ref:
    """One promotion at a time on this machine, whatever the as-of day and seed."""
    return Ref(work.pipeline.name, "promotions", ".registry")


def _judged(work: Work, model: Manifest, evaluation: Manifest, verdict: str, uri: str) -> Any:
    from pipelines.promotion.registering import Judged

    day = parse_day(work.model_day)
    folder = work.store.open(model)
    history = json.loads((folder / "history.json").read_text())
    return Judged(
        pipeline=work.pipeline.name,
        title=work.pipeline.title,
        source=f"{work.store.uri_of(model)}/mlflow_model",
        folder=folder / "mlflow_model",
        time_ms=int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000),
        tags={
            "as_of": work.model_day,
            "seed": str(work.pipeline.training.seed),
            "digest": model.digest,
            "content": model.content,
            "verdict": verdict,
        },
        params=flat_params(model.config),
        metrics=evaluation.outcome["metrics"],
        losses=tuple(history["loss"]),
        # Without a place of its own MLflow would make one in the current folder.
        artifacts=None
        if uri.startswith("http")
        else f"{work.store.uri.rstrip('/')}/mlflow-artifacts",
    )


def _refusal(held: Registered, number: int, evaluation: Manifest, plan: Plan) -> str:
    """Why the version does not become the champion; empty if it does."""
    own, verdict = held.version(number), str(evaluation.outcome["verdict"])
    champion = held.version(held.champion) if held.champion is not None else None
    if verdict != PROMOTE:
        return f"version {number} is registered and not promoted: its verdict is {verdict}"
    if own is not None and "rolled_back" in own.tags:
        return f"version {number} was rolled back; promote it by hand to use it again"
    if champion is None or own is None or champion.number == number:
        return ""
    if champion.as_of > own.as_of and not plan.config["promote_older"]:
        return (
            f"version {number} is registered and not promoted: the champion (version "
            f"{champion.number}) is as of {champion.as_of}, a later day. Pass --option "
            f"promote_older=true to promote it all the same"
        )
    opponent = opponent_of(held, own.digest, own.as_of)
    if (opponent.digest if opponent else None) != evaluation.inputs.get("champion"):
        return (
            f"version {number} is registered and not promoted: version {champion.number} became the "
            f"champion after it was judged. Run evaluate again, then promote"
        )
    return ""
