"""Declared heads: what a model predicts, which determines its loss, its outputs and its metrics.

Why: whether a label is a flag, a class, an amount, a grade or a time depends on the problem, not on
    the network; any network can be combined with any head.
Promise: plain values only; a label is one number per row.
Not here: losses and predictions (``pipelines/stages/train/heads/``), what the metrics are
    (``pipelines/stages/evaluate/heads/``).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from pipelines.core.declared import declared, nearest

__all__ = ["Binary", "Head", "MultiClass", "Ordinal", "Regression", "Survival"]
__all__ += [
    "head_in",
    "head_settings",
    "horizon_metric",
    "metrics_of",
    "outputs_of",
    "primary_metric",
]

CLASSES, GRADES, AMOUNTS, TIMES = "classes", "grades", "amounts", "times"
LOSSES = ("squared", "huber")
MOST_CLASSES = 1 << 16
COST = "cost_per_day"
"""What decisions cost in a day, where ``evaluation.costs`` says what each costs."""
# The metrics of a time at each horizon.
OF_HORIZON: Mapping[str, bool | None] = {
    "auc": True,
    "brier": False,
    "calibration_slope": None,
    "calibration_intercept": None,
}


class Head:
    """A declared head.

    Attributes:
        metrics: Its metrics, and whether more is better; None where the best value is neither. The first is the one
            by which models are compared and searched, except for ``Binary``, where it is ``average_precision``.
        labels: What a label is: one of ``CLASSES`` (0, 1, ...), one of ``GRADES`` (the same, in order),
            one of ``AMOUNTS``, or one of ``TIMES`` (negative where the row was censored).
        least_label: The smallest label, of ``AMOUNTS``.
    """

    metrics: ClassVar[Mapping[str, bool | None]]
    labels: ClassVar[str]
    least_label: ClassVar[float] = -math.inf

    def outputs(self) -> int:
        """Number of outputs of the network per row."""
        return 1

    def n_classes(self) -> int | None:
        """Number of classes or grades; None where it is not declared, or labels are neither."""
        return None

    def measures(self, horizons_days: tuple[float, ...]) -> Mapping[str, bool | None]:
        """Its metrics, with those that a time has by itself."""
        del horizons_days
        return self.metrics

    def problems(self) -> Iterator[str]:
        """Settings that are invalid."""
        yield from ()


@declared
class Binary(Head):
    """Whether an event happens: label 0 or 1, one logit, cross-entropy."""

    metrics: ClassVar[Mapping[str, bool | None]] = {
        "auc": True,
        "average_precision": True,
        "alert_precision": True,
        "calibration_slope": None,
        "calibration_intercept": None,
        "brier": False,
        "log_loss": False,
        "calibration_error": False,
        COST: False,
    }
    labels: ClassVar[str] = CLASSES

    def n_classes(self) -> int:
        """Without the event, and with it."""
        return 2


@declared
class MultiClass(Head):
    """One of several classes: label 0 .. classes - 1, a logit each, softmax cross-entropy.

    Attributes:
        classes: Number of classes.
    """

    metrics: ClassVar[Mapping[str, bool | None]] = {"log_loss": False, "accuracy": True}
    labels: ClassVar[str] = CLASSES
    classes: int

    def outputs(self) -> int:
        """One for each class."""
        return self.classes

    def n_classes(self) -> int | None:
        """As declared."""
        return self.classes

    def problems(self) -> Iterator[str]:
        """Fewer than two classes."""
        yield from _out_of_range(self.classes, 2)


@declared
class Regression(Head):
    """An amount: the label itself, squared or Huber loss on ``(label - center) / scale``.

    Attributes:
        loss: ``squared``, or ``huber`` with its delta at one ``scale``.
        center: A typical label; the network starts near it.
        scale: A typical distance of labels from ``center``.
    """

    metrics: ClassVar[Mapping[str, bool | None]] = {"rmse": False, "mae": False}
    labels: ClassVar[str] = AMOUNTS
    loss: str = "squared"
    center: float = 0.0
    scale: float = 1.0

    def problems(self) -> Iterator[str]:
        """An unknown loss, or a scale of 0 or less."""
        if self.loss not in LOSSES:
            yield f"head.loss {self.loss!r}. {nearest(self.loss, LOSSES)}"
        if not self.scale > 0:
            yield f"head.scale must be above 0; got {self.scale!r}."


@declared
class Ordinal(Head):
    """A grade: label 0 .. classes - 1 in order, one score against ``classes - 1`` thresholds.

    Source: W. Cao, V. Mirjalili and S. Raschka, "Rank consistent ordinal regression for neural
    networks with application to age estimation", Pattern Recognition Letters 140, 2020 (CORAL).

    Attributes:
        classes: Number of grades.
    """

    metrics: ClassVar[Mapping[str, bool | None]] = {
        "rank_mae": False,
        "log_loss": False,
        "accuracy": True,
    }
    labels: ClassVar[str] = GRADES
    classes: int

    def outputs(self) -> int:
        """One for each threshold."""
        return self.classes - 1

    def n_classes(self) -> int | None:
        """As declared."""
        return self.classes

    def problems(self) -> Iterator[str]:
        """Fewer than three grades."""
        yield from _out_of_range(self.classes, 3)


@declared
class Survival(Head):
    """The time of an event, by discrete-time hazards; censored rows count until they are censored.

    The label is a time in days, positive where the event happened then, negative where the row
    was censored then. Source: M. F. Gensheimer and B. Narasimhan, "A scalable
    discrete-time survival model for neural networks", PeerJ 7:e6257, 2019.

    Attributes:
        cuts_days: Ends of the time intervals, ascending; the last one is the horizon of the risk.
        competing: Whether a competing event is modelled beside it, by a second hazard for each interval; the
            label is then an ``Outcome`` with one.
    """

    metrics: ClassVar[Mapping[str, bool | None]] = {
        "concordance": True,
        "uno_c": True,
        "ibs": False,
    }
    labels: ClassVar[str] = TIMES
    cuts_days: tuple[float, ...]
    competing: bool = False

    def outputs(self) -> int:
        """One for each interval, and for each kind of event."""
        return len(self.cuts_days) * (2 if self.competing else 1)

    def measures(self, horizons_days: tuple[float, ...]) -> Mapping[str, bool | None]:
        """Those of each horizon too: of the last cut where none is declared."""
        found = dict(self.metrics)
        for days in horizons_days or self.cuts_days[-1:]:
            found |= {horizon_metric(name, days): more for name, more in OF_HORIZON.items()}
        return found

    def problems(self) -> Iterator[str]:
        """Cuts that do not ascend."""
        cuts = self.cuts_days
        rising = all(a < b for a, b in zip((0.0, *(cuts or ())), cuts or (), strict=False))
        if cuts == () or not rising:  # None is missing, which is reported as such
            yield f"head.cuts_days must ascend and be above 0; got {cuts!r}."


def metrics_of(head: Head, horizons_days: tuple[float, ...] = ()) -> Mapping[str, bool | None]:
    """Evaluation metrics of a model with this head, and whether more is better.

    Args:
        head: The declared head.
        horizons_days: Those of the evaluation.
    """
    return head.measures(horizons_days)


def horizon_metric(name: str, days: float) -> str:
    """The name of a metric at a time, such as ``auc_365d``."""
    return f"{name}_{days:g}d"


def primary_metric(head: Head) -> str:
    """The metric by which models of this head are compared and searched."""
    return "average_precision" if isinstance(head, Binary) else next(iter(head.metrics))


def head_settings(head: Head) -> dict[str, Any]:
    """The head as plain values."""
    return {"kind": type(head).__name__.lower(), **asdict(head)}  # type: ignore[call-overload]


def head_in(settings: Mapping[str, Any]) -> Head:
    """The head of settings that ``head_settings`` wrote, also after a trip through JSON."""
    values = {n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
    kind = str(values.pop("kind"))
    head: Head = next(k for k in Head.__subclasses__() if k.__name__.lower() == kind)(**values)
    return head


def outputs_of(head: Head) -> int:
    """Number of outputs of the network per row."""
    return head.outputs()


def _out_of_range(classes: int | None, least: int) -> Iterator[str]:
    if classes is not None and classes < least:
        yield f"head.classes must be {least} or more; got {classes!r}."
    elif classes is not None and classes > MOST_CLASSES:
        yield f"head.classes must be {MOST_CLASSES:,} or fewer; got {classes!r}."
