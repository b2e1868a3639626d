"""One trial: draw settings, train, evaluate after each epoch, prune it where others did better.

Why: a trial is a training like any other, so it uses the same loop, feed and checkpoints.
Promise: a trial that was killed resumes from its checkpoint with the settings it drew; one that
    cannot be trained (its loss is non-finite) ends as failed and does not end the search.
Not here: the study (``pipelines/stages/tune/study.py``), the training (``pipelines/stages/train/``).
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import TrialState

from pipelines.core.errors import ConfigError, TrainingError
from pipelines.core.store import digest_of
from pipelines.drivers.tuning.space import draw
from pipelines.protocol import Plan, Result, Work
from pipelines.shared.compute.gpus import own_gpus
from pipelines.shared.compute.machine import visible_gpu_count
from pipelines.shared.tracking.tracker import About, Tracker, tracking
from pipelines.spec import Binary, with_settings
from pipelines.stages.evaluate.rows import alert_columns, open_test_rows, read_inputs
from pipelines.stages.train.devices import choose_devices, open_strategy
from pipelines.stages.train.micro_batches import MicroBatches
from pipelines.stages.train.preflight import check_rows, require_evaluable
from pipelines.stages.train.shards import LABEL, WEIGHT, Shards, first_column, open_sides
from pipelines.stages.train.stage import TrainingSetup, trained
from pipelines.stages.train.stage import plan as training_plan
from pipelines.stages.tune.stage import TRACKING, TRIAL, folder_of, trials_work
from pipelines.stages.tune.stage import plan as search_plan
from pipelines.stages.tune.study import (
    ERROR,
    SETTINGS,
    claimed,
    end_trial,
    open_study,
    trial_records,
    watched,
)
from pipelines.stages.tune.winner import DATASET

TRAINING_SET = "training_set"


class TrialPrunedEarly(Exception):  # noqa: N818  an end, not an error
    """Other trials did better by this epoch."""


def run_trial(work: Work, number: int) -> Result:
    """Run a trial to its end; one that has ended is not run again.

    Raises:
        ConfigError: The search has no such trial.
        StageStoppedError: SIGTERM; a checkpoint was written first.
        OutOfMemoryError: Memory is too small; the next try uses smaller micro-batches.
    """
    plan, trials = search_plan(work), work.pipeline.search.trials
    if number >= trials:
        raise ConfigError(
            f"{work.report.work}: the search has trials 0 to {trials - 1}, received number {number}. "
            f"Raise search.trials for more."
        )
    published = work.store.find_intact(work.window_ref(DATASET))
    if published is not None and published.digest == plan.digest():
        return {"trial": number, "state": "published", "cached": True}
    folder = folder_of(work, plan)
    study = open_study(folder, work.pipeline, number)
    with claimed(study, folder, number) as trial:
        if trial is not None:
            scratch = folder / f"{TRIAL}{number}"
            own = replace(work, inputs={TRAINING_SET: plan.made_from[TRAINING_SET].digest})
            _run_to_end(own, study, trial, scratch, _about(work, plan, number))
    record = next(each for each in trial_records(study) if each["number"] == number)
    work.report.log(_summary(record))
    return {"trial": number, "cached": trial is None, **record}


def _about(work: Work, search: Plan, number: int) -> About:
    """The trial's MLflow run: one of its own, even if another trial draws the same settings."""
    return About(
        name=f"{work.window_ref(DATASET).key}/{TRIAL}{number}",
        tags={"search": search.digest(), "trial": str(number)},
        kept=f"{TRACKING}{TRIAL}{number}.jsonl",
    )


def _run_to_end(work: Work, study: Any, trial: Any, scratch: Path, about: About) -> None:
    settings = draw(trial, work.pipeline)
    drawn = dict(setting.split("=", 1) for setting in settings)
    trial.set_user_attr(SETTINGS, list(settings))
    work.report.log(f"settings: {' '.join(settings)}")
    there = trials_work(work)
    there = replace(there, pipeline=with_settings(work.pipeline, settings))
    scratch.mkdir(exist_ok=True)
    plan = training_plan(there)
    # A parallel search that is repeated may draw other settings: that is another run.
    own = "/".join((*about.tags.values(), digest_of(settings)[:12]))
    about = replace(
        about,
        tags={**about.tags, "digest": own},
        params={f"drawn.{name}": value for name, value in drawn.items()},
    )
    with (
        own_gpus(max(there.pipeline.training.replicas, 1)) as gpus,
        tracking(there, plan, scratch, about) as tracker,
    ):
        if gpus:
            work.report.log(f"on GPU {', '.join(gpus)}, reserved for this trial")
        tapped = replace(there, report=tracker.tap(there.report))
        ended = _ended(tapped, plan, trial, scratch, tracker)
    end_trial(study, trial, *ended)


def _ended(
    work: Work, plan: Plan, trial: Any, scratch: Path, tracker: Tracker
) -> tuple[TrialState, float | None]:
    """The final state of a trial, and its value if it is complete."""
    try:
        value = _trained(work, plan, trial, scratch)
    except TrainingError as error:
        trial.set_user_attr(ERROR, str(error))
        tracker.failed(error)
        return TrialState.FAIL, None
    if value is None:
        tracker.pruned()
        return TrialState.PRUNED, None
    return TrialState.COMPLETE, value


@dataclass(frozen=True, slots=True)
class PruningCallback:
    """Reports each epoch's metric to the study, and prunes the trial where others did better.

    Attributes:
        trial: Optuna trial to report to.
        metric: Metric to report.
        epochs: Epochs of the whole training.
    """

    trial: Any
    metric: str
    epochs: int

    def __call__(self, epoch: int, _loss: float, found: dict[str, float]) -> None:
        """Report one epoch; if it is reported again after a kill, the first value stays.

        Raises:
            TrialPrunedEarly: Its value is not among the best so far.
        """
        stored = self.trial.storage.get_trial(self.trial._trial_id)
        if epoch not in stored.intermediate_values:
            self.trial.report(found[self.metric], epoch)
        if epoch < self.epochs and self.trial.should_prune():
            raise TrialPrunedEarly


def _trained(work: Work, plan: Plan, trial: Any, scratch: Path) -> float | None:
    """Train to the last epoch; its metric, or None if the trial was pruned."""
    pipeline, training = work.pipeline, work.pipeline.training
    training_set = work.store.open(plan.made_from[TRAINING_SET])
    days = work.days()
    shards, _held_out = open_sides(training_set, days)
    words = pipeline.class_words()
    for warning in check_rows(work.report.work, shards, training, pipeline.head, words):
        work.report.log(warning)
    test_rows = evaluation_rows(work, training_set)
    advice = "Raise split.test_days, or search as of another day."
    require_evaluable(work.report.work, test_rows, watched(pipeline), advice)
    devices = choose_devices(training.replicas, visible_gpu_count())
    strategy = open_strategy(devices, training.seed, training.threads)
    setup = TrainingSetup(
        work,
        plan,
        scratch,
        training_set,
        shards,
        test_rows,
        strategy,
        str(devices),
        MicroBatches(scratch, training.micro_batches),
        PruningCallback(trial, watched(pipeline), training.epochs),
    )
    try:
        done = trained(setup)
    except TrialPrunedEarly:
        return None
    return float(done["cursor"].validation[-1][watched(pipeline)])


def evaluation_rows(work: Work, training_set: Path) -> Shards:
    """The rows that a trial is evaluated on: the test days as of the search's day.

    Rows without a label, and of entities with an earlier label of 1, are excluded as in evaluation.
    """
    entries = json.loads((training_set / "index.json").read_text())["test"]
    arrays = read_inputs(training_set, entries)
    for name in (n for n in (LABEL, WEIGHT) if n in entries[0]):
        arrays[name] = np.concatenate([np.load(training_set / e[name]) for e in entries])
    counted = ~np.isnan(first_column(arrays[LABEL]))
    if isinstance(work.pipeline.head, Binary) and work.pipeline.evaluation.exclude_known:
        columns = alert_columns(work.pipeline)
        counted = open_test_rows(
            training_set, columns, work.pipeline.label.settled_days()
        ).counted
    if not counted.all():
        arrays = {name: values[counted] for name, values in arrays.items()}
    count = len(arrays[LABEL])
    return Shards((arrays,), np.array([0, count], np.int64))


def _summary(record: dict[str, Any]) -> str:
    last = f" at {record['by_epoch'][-1]:.4f}" if record["by_epoch"] else ""
    return f"{record['state']} after {len(record['by_epoch'])} epochs{last} {record['error']}".strip()
