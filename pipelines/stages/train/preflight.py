"""Check the training rows before training starts.

Why: one class, too few rows or an input that contains the label are found here in a second, and
    otherwise after hours.
Promise: of the inputs only a bounded sample of rows is read; nothing heavy is imported.
Not here: the labels by themselves (``label_checks.py``), how well an input predicts the label
    (``leakage.py``).
"""

from collections.abc import Iterator, Mapping

from pipelines.core.errors import LeakageError, TrainingError, listed
from pipelines.spec import Binary, Head, Training
from pipelines.stages.train.label_checks import (
    label_counts,
    rare_labels,
    require_contrast,
    require_labels,
)
from pipelines.stages.train.label_criteria import LEAST_ROWS, NO_WORDS
from pipelines.stages.train.leakage import sample, score_inputs
from pipelines.stages.train.shards import Shards

BINARY = Binary()


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
    require_labels(work, shards, head)
    counts = label_counts(shards, head)
    require_contrast(work, shards, head, counts)
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
    if rare := rare_labels(head, counts, words):
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
