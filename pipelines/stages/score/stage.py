"""Stage ``score``: what the scores of a partition depend on, and how they are made.

Why: a promoted model is worth something only where rows are scored with it, each day with the one in use then.
Promise: the same features, model and registry's answer give the same bytes, whoever scores them and however often;
    scores of a version that is asked for stand beside those that were given, and replace none.
Not here: which model (``chosen.py``), one range of rows (``score_rows.py``), copies outside the store (``exports.py``).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.events import evenly
from pipelines.core.store import Manifest
from pipelines.protocol import Plan, StageOutcome, Work, code_of
from pipelines.protocol.declared_code import declared_code
from pipelines.protocol.settings import key_columns
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.spec import head_in
from pipelines.stages.score.chosen import ChosenModels, chosen_models
from pipelines.stages.score.exports import export_all
from pipelines.stages.score.features import features_to_score

if TYPE_CHECKING:
    from pipelines.shared.compute.compute import Compute
    from pipelines.stages.score.score_rows import ScoreTask, UsedModel
    from pipelines.stages.score.totals import RangeTotals

    OnTotals = Callable[[tuple[RangeTotals, ...]], None]

FEATURES, OWN = "features", "model"
SCORES = "scores.json"


def plan(work: Work) -> Plan:
    """The features, the model of the day, and the challengers in its shadow.

    Raises:
        NothingToScoreError: The partition was refused.
        InputMissingError: It has no features, or the store no longer has the model.
        HistoryNotReadyError: Its features must be made anew first.
        NoChampionError: No version was the champion on its first day.
        ConfigError: An option names no version.
    """
    features, models = features_to_score(work), chosen_models(work)
    made_from = _manifests(models)
    return Plan(
        inputs={f"{FEATURES}/{features.manifest.key}": features.digest}
        | {name: manifest.content for name, manifest in made_from.items()},
        config={
            OWN: models.own.facts(),
            "shadow": [each.facts() for each in models.shadow],
            "keys": list(key_columns(work.pipeline)),
            "reasons": work.pipeline.scoring.reasons,
            "part": features.part,
        },
        code=code_of(__name__, *declared_code(work.pipeline.features)),
        made_from={FEATURES: features.manifest} | made_from,
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Score each range of rows as a task, and write what they add up to.

    Raises:
        ColumnMismatchError: A model reads columns that the features lack.
    """
    from pipelines.shared.compute import open_compute
    from pipelines.stages.score.score_rows import score_rows
    from pipelines.stages.score.totals import summed

    rows = int(plan.made_from[FEATURES].outcome["rows"])
    with open_compute(rows, ComputeSettings.from_options(work.options)) as compute:
        tasks = _tasks(work, plan, out, compute)
        with _blas_threads(compute, len(tasks)):
            found = compute.map(score_rows, tasks, _row_counter(work, plan, tasks))
    totals = [summed(each) for each in zip(*found, strict=True)]
    _write_summary(work, plan, totals, out)
    export_all(work, plan, rows, out)
    return _outcome(plan, totals[0])


def effects_stand(work: Work, plan: Plan, manifest: Manifest) -> bool:
    """Whether the declared copies are there; those that are not are made again from the published scores."""
    if work.pipeline.scoring.files or work.pipeline.scoring.connection:
        export_all(work, plan, int(manifest.outcome["rows"]), work.store.open(manifest))
    return True


def _manifests(models: ChosenModels) -> dict[str, Manifest]:
    shadow = {f"shadow/{each.version.number}": each.manifest for each in models.shadow}
    return {OWN: models.own.manifest} | shadow


def _tasks(work: Work, plan: Plan, out: Path, compute: "Compute") -> "list[ScoreTask]":
    from pipelines.stages.score.score_rows import ScoreTask, ranges_of

    path = work.store.open(plan.made_from[FEATURES]) / plan.config["part"]
    models = tuple(_used(work, plan))
    return [
        ScoreTask(
            path=str(path),
            number=number,
            first=first,
            rows=count,
            out=str(out),
            models=models,
            keys=tuple(plan.config["keys"]),
            features=_features_digest(plan),
            reasons=plan.config["reasons"],
            array_module=compute.array_module,
        )
        for number, (first, count) in enumerate(ranges_of(path))
    ]


def _used(work: Work, plan: Plan) -> "Iterator[UsedModel]":
    """The model of the day, then the challengers."""
    from pipelines.stages.score.score_rows import UsedModel

    for facts in (plan.config[OWN], *plan.config["shadow"]):
        own = facts is plan.config[OWN]
        manifest = plan.made_from[OWN if own else f"shadow/{facts['version']}"]
        head = head_in(manifest.config["head"])
        folder = str(work.store.open(manifest))
        yield UsedModel(folder, head, facts["version"], manifest.digest)


def _row_counter(work: Work, plan: Plan, tasks: "list[ScoreTask]") -> "OnTotals":
    total, done = sum(task.rows for task in tasks), 0
    stored = plan.made_from[FEATURES].files[plan.config["part"]]["bytes"]

    def add(found: "tuple[RangeTotals, ...]") -> None:
        nonlocal done
        done += found[0].rows
        work.report.progress(done, total, of_bytes=evenly(done, total, stored))

    return add


def _blas_threads(compute: "Compute", tasks: int) -> AbstractContextManager[object]:
    """Matrix products of tasks that run side by side on this process's threads share its cores."""
    from threadpoolctl import threadpool_limits

    limited: AbstractContextManager[object] = threadpool_limits(
        max(1, compute.workers // max(tasks, 1)), user_api="blas"
    )
    return limited


def _write_summary(work: Work, plan: Plan, totals: "list[RangeTotals]", out: Path) -> None:
    from pipelines.shared.scoring.decision import read_decision
    from pipelines.stages.score.totals import described

    models = (plan.config[OWN], *plan.config["shadow"])
    folders = [Path(each.folder) for each in _used(work, plan)]
    own, *shadow = (
        facts | _deciding(read_decision(folder)) | described(each)
        for facts, folder, each in zip(models, folders, totals, strict=True)
    )
    features = {"key": plan.made_from[FEATURES].key, "digest": _features_digest(plan)}
    summary = {"partition": work.day, **own, "features": features, "shadow": shadow}
    (out / SCORES).write_text(json.dumps(summary, indent=1) + "\n")


def _features_digest(plan: Plan) -> str:
    return plan.inputs[f"{FEATURES}/{plan.made_from[FEATURES].key}"]


def _deciding(decision: Any) -> dict[str, Any]:
    return {
        "threshold": decision.threshold,
        "threshold_from": decision.threshold_from,
        "calibration": decision.calibration.kind,
    }


def _outcome(plan: Plan, totals: "RangeTotals") -> StageOutcome:
    metrics = {"version": float(plan.config[OWN]["version"])}
    if totals.alerts is not None:
        metrics["alerts"] = float(totals.alerts)
    if totals.sums and totals.rows:
        metrics["mean_probability"] = totals.sums[0] / totals.rows
    return StageOutcome(
        rows=totals.rows,
        metrics=metrics,
        details={"model_version": plan.config[OWN]["version"]},
    )
