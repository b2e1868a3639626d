"""Check the training labels: what the head can read, and whether there is anything to learn.

Promise: all labels are looked at, one partition at a time; nothing heavy is imported.
Not here: how many rows there must be, and the inputs (``preflight.py``).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import TrainingError, listed
from pipelines.protocol import giver_of
from pipelines.spec import Binary, Head, Survival
from pipelines.spec.heads import AMOUNTS, TIMES
from pipelines.stages.train.label_criteria import named
from pipelines.stages.train.shards import LABEL, Shards, first_column

FEW_OF_A_CLASS = 20
CHECK = "widen split.train_days, or check the label column."

Labels = NDArray[np.float32]
Counts = NDArray[np.int64]


def require_labels(work: str, shards: Shards, head: Head) -> None:
    """Refuse labels that are not valid for the head.

    Raises:
        TrainingError: They have another shape, or values that it cannot read.
    """
    _require_shape(work, shards, head)
    count, found = 0, shards.days[0][LABEL][:0]
    for day in shards.days:
        bad = day[LABEL][~_readable(head, day[LABEL])]
        count, found = count + len(bad), _distinct(np.concatenate([found, bad]))
    if count:
        raise TrainingError(
            f"{work}: {count:,} of {shards.rows:,} training labels are not {_wanted(head)} "
            f"({listed(map(str, found.tolist()))}). Correct the label column, or the head."
        )


def require_contrast(work: str, shards: Shards, head: Head, counts: Counts) -> None:
    """Refuse rows whose labels are all alike.

    Raises:
        TrainingError: There is nothing to learn.
    """
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


def label_counts(shards: Shards, head: Head) -> Counts:
    """Rows of each class, ``(classes,)``; empty for amounts.

    For ``Survival`` those without an event by the last cut and with it, and those with the competing one.
    """
    if head.labels == AMOUNTS:
        return np.empty(0, np.int64)
    width = _classes(head)
    if isinstance(head, Survival):
        width += head.competing
    days = [np.bincount(_kinds(head, day[LABEL]), minlength=width) for day in shards.days]
    return np.asarray(np.sum(days, axis=0))


def rare_labels(head: Head, counts: Counts, words: Mapping[int, str]) -> str:
    """Describe rare labels; empty if there are none."""
    if isinstance(head, Binary) and counts.min() < FEW_OF_A_CLASS:
        return f"only {counts.min()} training rows are of the rarer class"
    if isinstance(head, Survival):
        return _rare_events(counts)
    if not isinstance(head, Binary) and counts.min(initial=FEW_OF_A_CLASS) < FEW_OF_A_CLASS:
        few = np.flatnonzero(counts < FEW_OF_A_CLASS)
        rare = [f"{named(int(c), words)} ({counts[c]})" for c in few]
        return f"few training rows (or none) have these labels: {listed(rare)}"
    return ""


def _rare_events(counts: Counts) -> str:
    named_kinds = zip(("an event", "the competing event"), counts[1:], strict=False)
    found = [
        f"only {count} training rows have {kind} before the last of head.cuts_days"
        for kind, count in named_kinds
        if count < FEW_OF_A_CLASS
    ]
    return ", and ".join(found)


def _distinct(labels: Labels) -> Labels:
    """Distinct labels, sorted; one NaN is like another."""
    columns = labels.T if labels.ndim > 1 else [labels]
    codes = np.stack([np.unique(each, return_inverse=True)[1] for each in columns], 1)
    return labels[np.unique(codes, axis=0, return_index=True)[1]]


def _require_shape(work: str, shards: Shards, head: Head) -> None:
    wanted = (2,) if isinstance(head, Survival) and head.competing else ()
    for day in shards.days:
        if day[LABEL].shape[1:] != wanted:
            raise TrainingError(
                f"{work}: labels are {day[LABEL].shape}, and {type(head).__name__} needs "
                f"{(len(day[LABEL]), *wanted)}"
                f"{', signed days and whether a competing event ended them' if wanted else ''}. Use "
                f"a label with{'' if wanted else 'out'} a competing event and run "
                f"{giver_of('training_set').name} again, or change head.competing."
            )


def _readable(head: Head, y: Labels) -> NDArray[np.bool_]:
    if head.labels == AMOUNTS:
        return np.isfinite(y) & (y >= head.least_label)
    if head.labels == TIMES:
        days = first_column(y)
        timed = np.isfinite(days) & (days != 0)
        if y.ndim == 1:
            return timed
        return timed & ((y[:, 1] == 0) | ((y[:, 1] == 1) & (days < 0)))
    return (y == np.floor(y)) & (y >= 0) & (y < _classes(head))


def _wanted(head: Head) -> str:
    if head.labels == AMOUNTS:
        least = head.least_label
        return "finite numbers" if least == -np.inf else f"finite numbers of {least:g} or more"
    if isinstance(head, Survival) and head.competing:
        return (
            "days, above 0 for an event, below 0 for none yet, and 1 where a competing event ended "
            "them, which is then no event, else 0"
        )
    if head.labels == TIMES:
        return "days, above 0 for an event, below 0 for none yet"
    return f"0 to {_classes(head) - 1}"


def _classes(head: Head) -> int:
    return head.n_classes() or 2


def _kinds(head: Head, y: Labels) -> Counts:
    if not isinstance(head, Survival):
        return y.astype(np.int64)
    within = np.abs(first_column(y)) < head.cuts_days[-1]
    kinds = (within & (first_column(y) > 0)).astype(np.int64)
    return np.where(within & (y[:, 1] > 0), 2, kinds) if head.competing else kinds


def _require_different_amounts(work: str, shards: Shards) -> None:
    lowest = min(float(y.min()) for y in shards.labels())
    if lowest == max(float(y.max()) for y in shards.labels()):
        raise TrainingError(
            f"{work}: all {shards.rows} training rows have label {lowest:g}. Labels that differ are "
            f"needed: {CHECK}"
        )
