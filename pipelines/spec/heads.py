"""Declared heads: what a model predicts, which determines its loss, its outputs and its metrics.

Why: whether a label is a flag, a class, an amount, a grade or a time depends on the problem, not on
    the network; any network can be combined with any head.
Promise: plain values only; a label is one number per row.
Not here: losses (``pipelines/stages/train/heads/``), metrics (``pipelines/stages/evaluate/``).
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipelines.core.declared import declared


@declared
class Binary:
    """Whether an event happens: label 0 or 1, one logit, cross-entropy."""


@declared
class MultiClass:
    """One of several classes: label 0 .. classes - 1, a logit each, softmax cross-entropy.

    Attributes:
        classes: Number of classes.
    """

    classes: int


@declared
class Regression:
    """An amount: the label itself, squared or Huber loss on ``(label - center) / scale``.

    Attributes:
        loss: ``squared``, or ``huber`` with its delta at one ``scale``.
        center: A typical label; the network starts near it.
        scale: A typical distance of labels from ``center``.
    """

    loss: str = "squared"
    center: float = 0.0
    scale: float = 1.0


@declared
class Ordinal:
    """A grade: label 0 .. classes - 1 in order, one score against ``classes - 1`` thresholds.

    Source: W. Cao, V. Mirjalili and S. Raschka, "Rank consistent ordinal regression for neural
    networks with application to age estimation", Pattern Recognition Letters 140, 2020 (CORAL).

    Attributes:
        classes: Number of grades.
    """

    classes: int


@declared
class Survival:
    """The time of an event, by discrete-time hazards; censored rows count until they are censored.

    The label is a time in days, positive where the event happened then, negative where the row
    was censored then. Source: M. F. Gensheimer and B. Narasimhan, "A scalable
    discrete-time survival model for neural networks", PeerJ 7:e6257, 2019.

    Attributes:
        cuts_days: Ends of the time intervals, ascending; the last one is the horizon of the risk.
    """

    cuts_days: tuple[float, ...]


Head = Binary | MultiClass | Regression | Ordinal | Survival

METRICS: Mapping[type, Mapping[str, bool]] = {
    Binary: {"auc": True, "average_precision": True, "alert_precision": True},
    MultiClass: {"log_loss": False, "accuracy": True},
    Regression: {"rmse": False, "mae": False},
    Ordinal: {"rank_mae": False, "log_loss": False, "accuracy": True},
    Survival: {"concordance": True, "brier": False},
}
"""Metrics of each head, and whether more is better; the first one is the head's primary metric,
except for ``Binary``, where it is ``average_precision``."""


def metrics_of(head: Head) -> Mapping[str, bool]:
    """Evaluation metrics of a model with this head, and whether more is better."""
    return METRICS[type(head)]


def primary_metric(head: Head) -> str:
    """The metric by which models of this head are compared and searched."""
    return "average_precision" if isinstance(head, Binary) else next(iter(metrics_of(head)))


def head_settings(head: Head) -> dict[str, Any]:
    """The head as plain values."""
    return {"kind": type(head).__name__.lower(), **asdict(head)}


def outputs_of(head: Head) -> int:
    """Number of outputs of the network per row."""
    if isinstance(head, MultiClass):
        return head.classes
    if isinstance(head, Ordinal):
        return head.classes - 1
    return len(head.cuts_days) if isinstance(head, Survival) else 1
