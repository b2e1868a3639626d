"""Stage ``tune``: the settings that did best in a search whose trials have ended.

Why: a model run must find the winner like every other input: published, with its digest.
Promise: one winner for a search; nothing heavy is imported by ``plan``.
Not here: running a trial or a whole search (``pipelines/drivers/tuning/``).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipelines.core.errors import ConfigError, InputMissingError, TrainingError, listed
from pipelines.core.store import Manifest
from pipelines.protocol import Maker, Plan, StageOutcome, Work, code_of, input_of
from pipelines.protocol.declared_code import declared_code
from pipelines.protocol.settings import training_set_settings
from pipelines.spec import head_settings, model_code, model_settings, search_day
from pipelines.stages.tune.winner import DATASET, EVALUATED_ON, WINNER

TRIALS = "trials.json"
TRIALS_RUN = "pipelines.drivers.tuning.trial.run_trial"
"""What runs the trials; no stage imports it."""
# Prefix of a trial's folder in the search's, and the folder of its published MLflow events.
TRIAL, TRACKING = "trial-", "tracking/"
# A published key: it keeps its name.
EVALUATED_AS_OF = "judged_as_of"
ENDED = ("complete", "pruned", "fail")


def plan(work: Work) -> Plan:
    """The training set that trials are trained and evaluated on, and the search space.

    Raises:
        ConfigError: The pipeline declares no search.
        InputMissingError: The training set as of the search's day is not published.
    """
    if not work.pipeline.search.space:
        raise ConfigError(
            f"{work.pipeline.name} declares no search. Add search=Search((Range(...), ...)) to its "
            f"declaration."
        )
    there = trials_work(work)
    manifest = input_of(there, "training_set", training_set_settings(there))
    return Plan(
        inputs={"training_set": manifest.content},
        config={
            "search": asdict(work.pipeline.search),
            "model": model_settings(work.pipeline.model),
            "head": head_settings(work.pipeline.head),
            "training": asdict(work.pipeline.training),
            EVALUATED_AS_OF: there.model_day,
        },
        code=code_of(
            __name__,
            TRIALS_RUN,
            *model_code(work.pipeline.model),
            *declared_code(work.pipeline.features),
        ),
        made_from={"training_set": manifest},
    )


def trials_work(work: Work) -> Work:
    """The same work as of the day on which the model's test begins, as trials see it."""
    return replace(work, as_of=search_day(work.pipeline, work.model_day))


def folder_of(work: Work, plan: Plan) -> Path:
    """Folder of the study and its trials' checkpoints until the winner is published."""
    return work.scratch(plan, work.window_ref(DATASET))


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Choose the trial with the best last epoch, and publish its settings.

    Raises:
        InputMissingError: Trials have not ended.
        TrainingError: No trial reached its last epoch.
    """
    from pipelines.stages.tune.study import direction, open_study, trial_records, watched

    pipeline = work.pipeline
    trials = trial_records(open_study(folder_of(work, plan), pipeline))
    missing = _not_ended(trials, pipeline.search.trials)
    if missing:
        raise InputMissingError(
            f"{work.report.work}: {len(missing)} of {pipeline.search.trials} trials have not ended "
            f"({listed(missing)}). Run trial for them first."
        )
    complete = [trial for trial in trials if trial["state"] == "complete"]
    if not complete:
        errors = [trial["error"] for trial in trials if trial["error"]]
        raise TrainingError(
            f"{work.report.work}: none of {len(trials)} trials reached its last epoch ({listed(errors)}). "
            f"Narrow the ranges of the search."
        )
    sign = 1 if direction(pipeline) == "maximize" else -1
    best = max(complete, key=lambda trial: (sign * trial["value"], -trial["number"]))
    days = trials_work(work).days()
    winner = {
        "settings": best["settings"],
        "trial": best["number"],
        "metric": watched(pipeline),
        "value": best["value"],
        "trained_on": list(days.train),
        EVALUATED_ON: list(days.test),
    }
    (out / WINNER).write_text(json.dumps(winner, indent=1) + "\n")
    (out / TRIALS).write_text(json.dumps(trials, indent=1) + "\n")
    _keep_unsent_events(out, work, folder_of(work, plan))
    return _outcome(work, trials, winner)


def effects_stand(work: Work, plan: Plan, manifest: Manifest) -> bool:
    """Send MLflow the trials that it has no run of; a missing run is not a reason to search again."""
    from pipelines.shared.tracking.resend import resend_missing

    resend_missing(work, manifest, f"{TRACKING}*.jsonl")
    return True


def _not_ended(trials: list[dict[str, Any]], expected: int) -> list[int]:
    ended = {trial["number"] for trial in trials if trial["state"] in ENDED}
    return [number for number in range(expected) if number not in ended]


def pages(work: Work) -> Mapping[str, Maker]:
    """The page of the search, from the published trials."""

    def page(folder: Path) -> str:
        from pipelines.stages.tune.page import tuning_page

        trials, winner = (json.loads((folder / name).read_text()) for name in (TRIALS, WINNER))
        return tuning_page(work, trials, winner)

    return {"tuning.html": page}


def _keep_unsent_events(out: Path, work: Work, folder: Path) -> None:
    from pipelines.shared.tracking.tracker import keep_spool

    folders = sorted(folder.glob(f"{TRIAL}*/"), key=lambda each: int(each.name[len(TRIAL) :]))
    kept = [
        each.name for each in folders if keep_spool(each, out, f"{TRACKING}{each.name}.jsonl")
    ]
    if kept:
        work.report.log(
            f"MLflow did not receive all events of {len(kept)} trials ({listed(kept)}). They are stored in "
            f"{TRACKING}: python -m pipelines.shared.tracking.sender URI FILE sends a file"
        )


def _outcome(work: Work, trials: list[dict[str, Any]], winner: dict[str, Any]) -> StageOutcome:
    states = [trial["state"] for trial in trials]
    counts = {state: float(states.count(state)) for state in ENDED}
    epochs = float(sum(len(trial["by_epoch"]) for trial in trials))
    reason = (
        f"Trial {winner['trial']} of {len(trials)} did best: {winner['metric']} "
        f"{winner['value']:.4f} on {winner[EVALUATED_ON][0]} to {winner[EVALUATED_ON][-1]} with "
        f"{' '.join(winner['settings'])}."
    )
    work.report.log(reason)
    return StageOutcome(
        rows=0,
        metrics={winner["metric"]: winner["value"], "epochs": epochs, **counts},
        reason=reason,
        volatile=(TRACKING,),
    )
