"""Stage ``promote``: register the evaluated model, and make it the champion if recommended.

Why: promotion is the only step that changes what others use; it must be idempotent.
Promise: a model has one run and one version, however often this runs or is killed; only the
    recommendation BETTER changes the champion, only if it was reached against the current one, and
    never to an earlier as-of day unless requested. A published promotion is valid only while the
    registry has it.
Not here: the decision (``decision.py``), promoting by hand and rolling back (``champion.py``).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.days import parse_day
from pipelines.core.store import Manifest
from pipelines.protocol import (
    Plan,
    StageOutcome,
    Work,
    code_of,
    giver_of,
    input_of,
    require_pair,
)
from pipelines.protocol.settings import evaluation_settings, trained_settings
from pipelines.shared.registry import (
    Registered,
    has_run,
    read_registry,
    registry_errors,
    registry_uri,
)
from pipelines.shared.registry.changes import APPROVED, PROMOTED
from pipelines.shared.tracking.params import flat_params
from pipelines.stages.promote.decision import BETTER, Candidate, own_version, unmet, why_not

if TYPE_CHECKING:
    from pipelines.stages.promote.champion import Reason
    from pipelines.stages.promote.registering import EvaluatedModel

GOLDEN = "golden.json"


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
        code=code_of(__name__),
        made_from={"model": model, "evaluation": evaluation},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Register the model, and change the champion if the recommendation and the days allow it."""
    from pipelines.shared.registry.client import open_client
    from pipelines.stages.promote.champion import Registry, registry_lock
    from pipelines.stages.promote.golden_rows import check_golden
    from pipelines.stages.promote.registering import register

    model, evaluation = plan.made_from["model"], plan.made_from["evaluation"]
    uri = _uri(work)
    registry, candidate = Registry(uri, work.pipeline.name), _candidate(work, model, evaluation)
    folder = work.store.open(model)
    if (folder / GOLDEN).exists():
        work.report.log(check_golden(folder))
    evaluated = _evaluated_model(work, model, evaluation, uri)
    with work.store.lock(registry_lock(work.pipeline.name)):
        registry.read()  # an unreachable server raises before anything is written
        with registry_errors(uri):
            number = register(open_client(uri), evaluated, copy_files=_copies_files(work))
        held = registry.read()
        refusal = why_not(held, candidate)
        if not refusal:
            registry.promote(number, _recorded_reason(work, evaluation))
        reason = _reason(number, held, candidate, refusal)
        champion = registry.read().champion
    details = {
        "recommended": candidate.recommended,
        "promoted": not refusal,
        "champion": champion,
    }
    promotion = {"version": number, **details, "reason": reason, "uri": uri}
    (out / "promotion.json").write_text(json.dumps(promotion, indent=1) + "\n")
    work.report.log(reason)
    return StageOutcome(
        rows=0,
        reason=reason,
        metrics={"version": number},
        details=details,
        volatile=("promotion.json",),
    )


def effects_stand(work: Work, plan: Plan, manifest: Manifest) -> bool:
    """Whether the registry still has what that promotion wrote, and it would decide alike now."""
    model, evaluation = plan.made_from["model"], plan.made_from["evaluation"]
    uri, candidate = _uri(work), _candidate(work, model, evaluation)
    held, outcome = read_registry(uri, work.pipeline.name), manifest.outcome
    own = own_version(held, model.digest)
    if own is None or own.number != outcome["metrics"]["version"]:
        return False
    if held.champion != outcome["champion"]:
        return False
    if not _tags(work, model, evaluation).items() <= own.tags.items():
        return False
    if not (has_run(uri, work.pipeline.name, model.digest) and _files_stand(work, own.number)):
        return False
    # A new champion was compared with the previous one; it would not be compared with it again.
    return bool(
        outcome["promoted"]
        or outcome["reason"] == _reason(own.number, held, candidate, why_not(held, candidate))
    )


def _files_stand(work: Work, number: int) -> bool:
    """Whether a server that cannot read the store still has the files copied to it."""
    if not _copies_files(work):
        return True
    from pipelines.shared.registry.client import open_client
    from pipelines.stages.promote.registering import has_files

    with registry_errors(_uri(work)):
        return has_files(open_client(_uri(work)), work.pipeline.name, number)


def preview(work: Work) -> dict[str, Any]:
    """The result of promoting now, with nothing written: ``promoted`` and ``reason``.

    ``changes`` is whether another version would become the champion.
    """
    model, evaluation = _inputs(work)
    held = read_registry(_uri(work), work.pipeline.name)
    own = own_version(held, model.digest)
    refusal = why_not(held, _candidate(work, model, evaluation))
    is_champion = own is not None and own.number == held.champion
    reason = "it is the champion already" if is_champion else refusal
    return {"promoted": not refusal, "changes": not reason, "reason": reason}


def _inputs(work: Work) -> tuple[Manifest, Manifest]:
    """The model and its own evaluation."""
    model = input_of(work, "model", trained_settings(work))
    evaluation = input_of(work, "evaluation", evaluation_settings(work))
    require_pair(work, "evaluation", evaluation, "model", model)
    return model, evaluation


def _uri(work: Work) -> str:
    return registry_uri(work.store, work.options.get("mlflow_uri"))


def _copies_files(work: Work) -> bool:
    """Whether the registry's server cannot read the store."""
    return work.store.is_local and _uri(work).startswith("http")


def _candidate(work: Work, model: Manifest, evaluation: Manifest) -> Candidate:
    return Candidate(
        digest=model.digest,
        as_of=work.model_day,
        recommended=str(evaluation.outcome["verdict"]),
        met=evaluation.inputs.get("champion"),
        may_be_older=bool(work.options.get("promote_older", False)),
    )


def _reason(number: int, held: Registered, candidate: Candidate, refusal: str) -> str:
    """The result in one sentence; ``held`` is the registry before the champion changed."""
    if refusal:
        return f"version {number} is registered and not promoted: {refusal}"
    text, later = f"version {number} is the champion", unmet(held, candidate)
    if later is not None:
        text += f", as requested; it was not compared with {later.title} of a later day"
    if candidate.recommended != BETTER:
        text += (
            f" and stays it, though its verdict is {candidate.recommended} now; models --rollback makes "
            f"the one before it the champion again"
        )
    return text


def _recorded_reason(work: Work, evaluation: Manifest) -> "Reason":
    """Who and why, for the history: who approved it, if somebody did, and what its evaluation says."""
    from pipelines.stages.promote.champion import LONGEST_WHO, LONGEST_WHY, Reason

    approved = str(work.options.get("approved_by") or "")[:LONGEST_WHO]
    return Reason(
        how=APPROVED if approved else PROMOTED,
        who=approved or giver_of("promotion").name,
        why=str(evaluation.outcome["reason"])[:LONGEST_WHY],
    )


def _tags(work: Work, model: Manifest, evaluation: Manifest) -> Mapping[str, str]:
    return {
        "as_of": work.model_day,
        "seed": str(work.pipeline.training.seed),
        "digest": model.digest,
        "content": model.content,
        "verdict": str(evaluation.outcome["verdict"]),
    }


def _evaluated_model(
    work: Work, model: Manifest, evaluation: Manifest, uri: str
) -> "EvaluatedModel":
    from pipelines.stages.promote.registering import EvaluatedModel

    day = parse_day(work.model_day)
    folder = work.store.open(model)
    history = json.loads((folder / "history.json").read_text())
    return EvaluatedModel(
        pipeline=work.pipeline.name,
        title=work.pipeline.title,
        source=f"{work.store.uri_of(model)}/mlflow_model",
        folder=folder / "mlflow_model",
        time_ms=int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000),
        tags=_tags(work, model, evaluation),
        params=flat_params(model.config),
        metrics=evaluation.outcome["metrics"],
        losses=tuple(history["loss"]),
        # Without an artifact location MLflow would create one in the current folder.
        artifacts=None
        if uri.startswith("http")
        else f"{work.store.uri.rstrip('/')}/mlflow-artifacts",
    )
