"""The study: every trial's settings, its value after each epoch, and which trials are pruned.

Why: trials run in processes of their own, on several GPUs, and any of them may be killed.
Promise: a study is one append-only file; a trial has one entry however often it is started,
    and resumes with the settings that it drew.
Source: L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (asynchronous
    successive halving, as optuna's ``SuccessiveHalvingPruner`` has it), and optuna's TPE sampler.

Draws of a trial follow from the search's seed, the trial's number, the setting and the trials reported before
it: a sequential search is reproducible exactly; a parallel one depends on which trial ends first.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from pipelines.spec import Pipeline, Search, primary_metric

JOURNAL, STUDY = "study.jsonl", "search"
NUMBER, ERROR, SETTINGS = "number", "error", "settings"


class _JournalLock:
    """The writers' lock of a journal; the kernel releases it when its holder dies.

    Acquiring it also removes an incomplete last line: a concurrent trial may have been killed
    while writing one, and the next line would be appended to it.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._file: int | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        path = self._journal.with_name(f"{self._journal.name}.lock")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        _drop_torn_line(self._journal)
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def open_study(folder: Path, pipeline: Pipeline, number: int = 0) -> optuna.Study:
    """Open the study in a folder, or create it.

    Args:
        folder: Folder of its file.
        pipeline: Pipeline that declares the search.
        number: Number of the trial that is about to draw.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lock: Any = _JournalLock(folder / JOURNAL)
    lock.acquire()
    lock.release()
    storage = optuna.storages.JournalStorage(
        JournalFileBackend(str(folder / JOURNAL), lock_obj=lock)
    )
    return optuna.create_study(
        storage=storage,
        study_name=STUDY,
        direction=direction(pipeline),
        sampler=_sampler(pipeline.search, number),
        pruner=_pruner(pipeline.search),
        load_if_exists=True,
    )


def direction(pipeline: Pipeline) -> Literal["maximize", "minimize"]:
    """Whether the watched metric is maximized or minimized."""
    return "maximize" if watched(pipeline) != "loss" else "minimize"


def watched(pipeline: Pipeline) -> str:
    """The metric that evaluates an epoch: average precision for an event, else the head's loss."""
    metric = primary_metric(pipeline.head)
    return metric if metric == "average_precision" else "loss"


class _IndependentTPESampler(optuna.samplers.TPESampler):
    """TPE whose draw of a setting does not depend on which settings this process drew before.

    A trial killed between two draws has stored the first: the process that resumes it draws only
    the second, and must draw the same value.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self._seed = seed

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        """Draw with a random generator of its own for each setting."""
        seed = zlib.crc32(f"{self._seed} {param_name}".encode())
        own = optuna.samplers.TPESampler(seed=seed)
        return own.sample_independent(study, trial, param_name, param_distribution)


def _sampler(search: Search, number: int) -> optuna.samplers.BaseSampler:
    return _IndependentTPESampler(search.seed * 1_000_003 + number)


def _pruner(search: Search) -> optuna.pruners.BasePruner:
    return optuna.pruners.SuccessiveHalvingPruner(
        min_resource=search.first_epochs, reduction_factor=search.keep_one_in
    )


def _drop_torn_line(journal: Path) -> None:
    """Remove the incomplete line that a kill in the middle of a write left."""
    if not journal.exists():
        return
    with journal.open("rb+") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


@contextmanager
def claimed(study: Any, folder: Path, number: int) -> Iterator[Any]:
    """Lock the trial of that number for this process, and start it if it was not started.

    Yields:
        The trial, to draw from and report to; or None if it has ended.
    """
    with (folder / f"trial-{number}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = trial_of(study, number)
        if found is None:
            # One entry of the journal, so it is atomic: no trial, or one with its number.
            template = optuna.trial.create_trial(
                state=TrialState.RUNNING, user_attrs={NUMBER: number}
            )
            study.add_trial(template)
            found = trial_of(study, number)
        assert found is not None, "it was added while the lock was held"
        running = found.state == TrialState.RUNNING
        yield optuna.trial.Trial(study, found._trial_id) if running else None


def trial_of(study: optuna.Study, number: int) -> FrozenTrial | None:
    """The stored trial of that number, or None."""
    trials = study.get_trials(deepcopy=False)
    return next((t for t in trials if t.user_attrs.get(NUMBER) == number), None)


def end_trial(study: Any, trial: Any, state: TrialState, value: float | None = None) -> None:
    """Set the final state of a trial."""
    study._storage.set_trial_state_values(
        trial._trial_id, state, None if value is None else [value]
    )


def trial_records(study: Any) -> list[dict[str, Any]]:
    """Every trial as a JSON-serializable dict, by number."""
    records = [
        {
            "number": trial.user_attrs[NUMBER],
            "state": trial.state.name.lower(),
            "value": trial.value if trial.state == TrialState.COMPLETE else None,
            "settings": trial.user_attrs.get(SETTINGS, []),
            "by_epoch": [value for _, value in sorted(trial.intermediate_values.items())],
            "error": trial.user_attrs.get(ERROR, ""),
        }
        for trial in study.get_trials(deepcopy=False)
        if NUMBER in trial.user_attrs
    ]
    return sorted(records, key=lambda each: int(each["number"]))
