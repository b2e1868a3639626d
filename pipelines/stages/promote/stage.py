"""Stage ``promote``: register the evaluated model, decide on its fate, and make it the champion or not.

Why: promotion is the only step that changes what others use; it must be idempotent.
Promise: a model has one run and one version, however often this runs or is killed; only the verdict
    BETTER changes the champion, only if it was reached against the current one, and never to an earlier
    as-of day unless requested. A published promotion is valid only while the registry has it.
Not here: the decision (``decision.py``), promoting by hand and rolling back (``by_hand.py``), what
    the page shows (``page.py``).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.days import parse_day
from pipelines.core.store import Manifest
from pipelines.protocol import (
    Maker,
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
    has_run,
    read_registry,
    registry_errors,
    registry_uri,
)
from pipelines.shared.registry.changes import APPROVED
from pipelines.shared.registry.changes import PROMOTED as BY_STAGE
from pipelines.shared.registry.fates import PROMOTED, WAITING, fates_to_note
from pipelines.shared.tracking.params import flat_params
from pipelines.stages.promote.decision import YES, Candidate, decide, own_version
from pipelines.stages.promote.reasons import noted_of, reason_of

if TYPE_CHECKING:
    from pipelines.stages.promote.champion import Reason
    from pipelines.stages.promote.registering import EvaluatedModel

GOLDEN, PROMOTION = "golden.json", "promotion.json"


def plan(work: Work) -> Plan:
    """The model, its evaluation, and whether an older model may replace a newer champion."""
    model, evaluation = _inputs(work)
    candidate, asked = _candidate(work, model, evaluation), work.options.get("mlflow_uri")
    answer = {
        "answer": candidate.answer,
        "answered_by": candidate.answered_by,
        "answered_why": candidate.answered_why,
    }
    return Plan(
        inputs={"model": model.content, "evaluation": evaluation.content},
        config={
            "promote_older": candidate.may_be_older,
            "registry": str(asked) if asked else "the store's own",
            **({"branch": work.store.branch} if work.store.branch else {}),
            **(answer if candidate.answer else {}),
        },
        code=code_of(__name__),
        made_from={"model": model, "evaluation": evaluation},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Register the model, and change the champion if its verdict, the days and a person allow it."""
    from pipelines.shared.registry.client import open_client
    from pipelines.stages.promote.champion import Registry, registry_lock
    from pipelines.stages.promote.golden_rows import check_golden
    from pipelines.stages.promote.noting import note_fates, note_version
    from pipelines.stages.promote.registering import register

    model, evaluation = plan.made_from["model"], plan.made_from["evaluation"]
    uri = _uri(work)
    registry, candidate = (
        Registry(uri, work.registered_name),
        _candidate(work, model, evaluation),
    )
    folder = work.store.open(model)
    if (folder / GOLDEN).exists():
        work.report.log(check_golden(folder))
    evaluated = _evaluated_model(work, model, evaluation, uri)
    with work.store.lock(registry_lock(work.pipeline.name)):
        registry.read()  # an unreachable server raises before anything is written
        with registry_errors(uri):
            number = register(open_client(uri), evaluated, copy_files=_copies_files(work))
        held = registry.read()
        decided = decide(held, candidate)
        if decided.fate == PROMOTED:
            registry.promote(number, _recorded_reason(candidate, evaluation))
        else:
            note_version(uri, work.registered_name, number, noted_of(candidate, decided))
        note_fates(uri, work.registered_name)
        reason = reason_of(number, held, candidate, decided)
        champion = registry.read().champion
    details = {
        "fate": decided.fate,
        "version": number,
        "champion": champion,
        "changed": champion != held.champion,
        "model_digest": model.digest,
        **({"decided_by": candidate.answered_by} if candidate.answered_by else {}),
    }
    promotion = {"verdict": candidate.verdict, **details, "reason": reason, "uri": uri}
    promotion |= {
        "as_of": work.model_day,
        "pipeline": work.pipeline.name,
        "title": work.pipeline.title,
        "before": held.champion,
    }
    (out / PROMOTION).write_text(json.dumps(promotion, indent=1) + "\n")
    work.report.log(f"{decided.fate}: {reason}")
    return StageOutcome(
        rows=0,
        verdict=candidate.verdict,
        reason=reason,
        details=details,
        volatile=(PROMOTION,),
    )


def pages(_work: Work) -> Mapping[str, Maker]:
    """What happened to the model, why, and what can be done, in people's words."""

    def page(folder: Path) -> str:
        from pipelines.stages.promote.page import promotion_page

        return promotion_page(json.loads((folder / PROMOTION).read_text()))

    return {"promotion.html": page}


def effects_stand(work: Work, plan: Plan, manifest: Manifest) -> bool:
    """Whether the registry still has what that promotion wrote, and it would decide alike now."""
    model, evaluation = plan.made_from["model"], plan.made_from["evaluation"]
    uri, candidate = _uri(work), _candidate(work, model, evaluation)
    held, outcome = read_registry(uri, work.registered_name), manifest.outcome
    own = own_version(held, model.digest)
    if own is None or own.number != outcome.get("version"):
        return False
    if held.champion != outcome["champion"] or fates_to_note(held):
        return False
    if not _tags(work, model, evaluation).items() <= own.tags.items():
        return False
    if not (
        has_run(uri, work.registered_name, model.digest) and _files_stand(work, own.number)
    ):
        return False
    # A new champion was compared with the previous one; it would not be compared with it again.
    return bool(
        outcome["fate"] == PROMOTED
        or outcome["reason"] == reason_of(own.number, held, candidate, decide(held, candidate))
    )


def _files_stand(work: Work, number: int) -> bool:
    """Whether a server that cannot read the store still has the files copied to it."""
    if not _copies_files(work):
        return True
    from pipelines.shared.registry.client import open_client
    from pipelines.stages.promote.registering import has_files

    with registry_errors(_uri(work)):
        return has_files(open_client(_uri(work)), work.registered_name, number)


def preview(work: Work) -> dict[str, Any]:
    """What promoting now would come to, with nothing written.

    Returns:
        ``verdict``, ``fate`` and ``reason``, which is empty for a new champion; ``changes``, whether
        another version would become the champion; ``champion``, the number of that of now; ``met``,
        whether the evaluation compared it with a champion.
    """
    model, evaluation = _inputs(work)
    held = read_registry(_uri(work), work.registered_name)
    candidate = _candidate(work, model, evaluation)
    own, decided = own_version(held, model.digest), decide(held, candidate)
    is_champion = own is not None and own.number == held.champion
    return {
        "verdict": candidate.verdict,
        "fate": decided.fate,
        "changes": decided.fate in (PROMOTED, WAITING) and not is_champion,
        "reason": "it is the champion already" if is_champion else decided.why,
        "champion": held.champion,
        "met": candidate.met is not None,
    }


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
        verdict=str(evaluation.outcome["verdict"]),
        met=evaluation.inputs.get("champion"),
        may_be_older=bool(work.options.get("promote_older", False)),
        answer=str(work.options.get("answer") or ""),
        answered_by=str(work.options.get("answered_by") or ""),
        answered_why=str(work.options.get("answered_why") or ""),
    )


def _recorded_reason(candidate: Candidate, evaluation: Manifest) -> "Reason":
    """Who and why, for the history: who approved it, if somebody did, and what its evaluation says."""
    from pipelines.stages.promote.champion import LONGEST_WHO, LONGEST_WHY, Reason

    answered = candidate.answer == YES
    who = candidate.answered_by if answered else giver_of("promotion").name
    return Reason(
        how=APPROVED if answered else BY_STAGE,
        who=who[:LONGEST_WHO],
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
        pipeline=work.registered_name,
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
