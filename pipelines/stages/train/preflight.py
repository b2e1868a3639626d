"""Check the training rows before training starts.

Why: one class, too few rows or an input that contains the label are found here in a second, and
    otherwise after hours.
Promise: of the inputs only a bounded sample of rows is read; nothing heavy is imported.
Not here: how well an input predicts the label (``leakage.py``).
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import LeakageError, TrainingError, listed
from pipelines.spec import Binary, Head, Survival, Training
from pipelines.spec.heads import AMOUNTS, TIMES
from pipelines.stages.train.leakage import LEAST_ROWS, NO_WORDS, named, sample, score_inputs
from pipelines.stages.train.shards import Shards

FEW_OF_A_CLASS = 20
BINARY = Binary()
CHECK = "widen split.train_days, or check the label column."


def check_rows(
    work: str,
    shards: Shards,
    training: Training,
    head: Head = BINARY,
    words: Mapping[int, str] = NO_WORDS,
) -> Iterator[str]:
    """Check the training rows; yields warnings, one sentence each.

    Args:
        work: Name of the work.
        shards: The rows.
        training: How they will be trained on.
        head: What is predicted.
        words: What the source calls a label, by label.

    Raises:
        TrainingError: Too few rows, labels that are all alike, or labels that the head cannot read.
        LeakageError: A single input nearly determines the label.
    """
    _require_labels(work, shards, head)
    counts = _counts(shards, head)
    _require_contrast(work, shards, head, counts)
    if shards.rows < max(training.min_rows, 1):
        raise TrainingError(
            f"{work}: {shards.rows} training rows, and training.min_rows={training.min_rows} are "
            f"required. Widen split.train_days, or lower that setting."
        )
    if shards.rows < training.global_batch_rows:
        yield (
            f"{work}: all {shards.rows} training rows fit one step of training.global_batch_rows="
            f"{training.global_batch_rows}; a smaller batch takes more steps an epoch"
        )
    if rare := _rare(head, counts, words):
        yield f"{work}: {rare}"
    yield from _require_no_leak(work, shards, training.leakage_auc, head, words)


def require_evaluable(work: str, shards: Shards, watch: str, advice: str) -> None:
    """Refuse rows on which the watched metric is not defined.

    Args:
        work: Name of the work.
        shards: Rows that evaluate an epoch.
        watch: Metric to compute; a loss is defined for any row.
        advice: A sentence on how to get other rows.

    Raises:
        TrainingError: No rows, or a ranking metric and rows of one class.
    """
    events, rows = shards.positives(), shards.rows
    if not rows or (watch != "loss" and events in {0, rows}):
        raise TrainingError(
            f"{work}: {events} of the {rows} rows that evaluate an epoch have label 1, so {watch} "
            f"is not defined. {advice}"
        )


def _require_labels(work: str, shards: Shards, head: Head) -> None:
    """Refuse labels that are not valid for the head."""
    count, found = 0, np.empty(0)
    for labels in shards.labels():
        bad = labels[~_readable(head, labels)]
        count, found = count + len(bad), np.union1d(found, bad)
    if count:
        raise TrainingError(
            f"{work}: {count:,} of {shards.rows:,} training labels are not {_wanted(head)} "
            f"({listed(found.tolist())}). Correct the label column, or the head."
        )


def _readable(head: Head, y: NDArray[np.float32]) -> NDArray[np.bool_]:
    if head.labels == AMOUNTS:
        return np.isfinite(y) & (y >= head.least_label)
    if head.labels == TIMES:
        return np.isfinite(y) & (y != 0)
    return (y == np.floor(y)) & (y >= 0) & (y < _classes(head))


def _wanted(head: Head) -> str:
    if head.labels == AMOUNTS:
        least = head.least_label
        return "finite numbers" if least == -np.inf else f"finite numbers of {least:g} or more"
    if head.labels == TIMES:
        return "days, above 0 for an event, below 0 for none yet"
    return f"0 to {_classes(head) - 1}"


def _classes(head: Head) -> int:
    return head.n_classes() or 2


def _counts(shards: Shards, head: Head) -> NDArray[np.int64]:
    """Rows of each class; for ``Survival`` those without and with an event by the last cut."""
    if head.labels == AMOUNTS:
        return np.empty(0, np.int64)

    def kinds(y: NDArray[np.float32]) -> NDArray[np.int64]:
        if isinstance(head, Survival):
            return ((y > 0) & (y < head.cuts_days[-1])).astype(np.int64)
        return y.astype(np.int64)

    days = [np.bincount(kinds(y), minlength=_classes(head)) for y in shards.labels()]
    return np.asarray(np.sum(days, axis=0))


def _require_contrast(work: str, shards: Shards, head: Head, counts: NDArray[np.int64]) -> None:
    """Refuse rows whose labels are all alike."""
    rows = shards.rows
    if isinstance(head, Binary) and not counts.all():
        raise TrainingError(
            f"{work}: {counts[1]} of {rows} training rows have label 1. Both classes are needed: "
            f"{CHECK}"
        )
    if np.count_nonzero(counts) == 1 and head.labels != TIMES:
        raise TrainingError(
            f"{work}: all {rows} training rows have label {counts.argmax()}. Two or more of the "
            f"{_classes(head)} classes are needed: {CHECK}"
        )
    if isinstance(head, Survival) and not counts[1]:
        later = sum(int(np.count_nonzero(y > 0)) for y in shards.labels())
        raise TrainingError(
            f"{work}: none of {rows} training rows has an event before day "
            f"{head.cuts_days[-1]:g}, the last of head.cuts_days; {later} have one later. Events "
            f"are needed: {CHECK}"
        )
    if head.labels == AMOUNTS:
        _require_different_amounts(work, shards)


def _require_different_amounts(work: str, shards: Shards) -> None:
    lowest = min(float(y.min()) for y in shards.labels())
    if lowest == max(float(y.max()) for y in shards.labels()):
        raise TrainingError(
            f"{work}: all {shards.rows} training rows have label {lowest:g}. Labels that differ are "
            f"needed: {CHECK}"
        )


def _rare(head: Head, counts: NDArray[np.int64], words: Mapping[int, str]) -> str:
    """Describe rare labels; empty if there are none."""
    if isinstance(head, Binary) and counts.min() < FEW_OF_A_CLASS:
        return f"only {counts.min()} training rows are of the rarer class"
    if isinstance(head, Survival) and counts[1] < FEW_OF_A_CLASS:
        return f"only {counts[1]} training rows have an event before the last of head.cuts_days"
    if (
        not isinstance(head, Binary | Survival)
        and counts.min(initial=FEW_OF_A_CLASS) < FEW_OF_A_CLASS
    ):
        few = np.flatnonzero(counts < FEW_OF_A_CLASS)
        rare = [f"{named(int(c), words)} ({counts[c]})" for c in few]
        return f"few training rows (or none) have these labels: {listed(rare)}"
    return ""


def _require_no_leak(
    work: str, shards: Shards, limit: float, head: Head, words: Mapping[int, str]
) -> Iterator[str]:
    if limit >= 1.0 or not {"x", "ids"} & set(shards.inputs):
        return
    rows = sample(shards)
    found = list(score_inputs(rows, head, words))
    scored = {each.name for each in found}
    if unscored := [n for n in (*rows.numbers[0], *rows.ids[0]) if n not in scored]:
        yield (
            f"{work}: these inputs were not checked for leaks: {listed(unscored)}; of the "
            f"{len(rows.y):,} sampled rows, fewer than {LEAST_ROWS} differ from the rest in their label"
        )
    leaks = [f"{each.name} ({each.about})" for each in found if each.score > limit]
    if leaks:
        raise LeakageError(
            f"{work}: single features predict the label in {len(rows.y):,} sampled rows: "
            f"{listed(leaks)}; expected at most training.leakage_auc={limit}, so the label leaked "
            f"into them. Remove them from the features, or set training.leakage_auc=1 if they are "
            f"correct."
        )
