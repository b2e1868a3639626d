"""Declared watching: how far scored days may differ from the champion's training days.

Why: what counts as drift, and whether it stops a run or asks for a new model, depends on the problem.
Promise: plain values only; no setting changes a score or a metric.
Not here: limits for single days of data (``gates.py``), watching a day, which is a stage of its own.
"""

from pipelines.core.declared import declared
from pipelines.spec.gates import Limit

__all__ = ["Retraining", "Watch"]


@declared
class Retraining:
    """When what is seen on scored days asks for a new model.

    Attributes:
        on: Kinds of alarms that ask for one: ``drift``, ``decay``; empty for none.
        cooldown_days: Days after an alarm that asked for a model within which no other one does.
    """

    on: tuple[str, ...] = ()
    cooldown_days: int = 28


@declared
class Watch:
    """Limits for the difference of a scored day from the champion's training days and from the weeks before.

    Attributes:
        weeks_back: Weeks before a day that it is also compared with, weekday by weekday.
        psi: Population stability index of an input.
        score_psi: Population stability index of the scores.
        rows_ratio: Ratio of the rows to the usual number of the weekday, or the inverse if that is larger.
        label_ratio: Ratio of the label's mean to that of the training days, or the inverse.
        metric_loss: How much worse than on the test days the head's primary metric may be, of labels that
            have become known.
        retraining: When an alarm asks for a new model.
    """

    weeks_back: int = 4
    psi: Limit = Limit(warn=0.25)
    score_psi: Limit = Limit(warn=0.25)
    rows_ratio: Limit = Limit(warn=3.0)
    label_ratio: Limit = Limit(warn=2.0)
    metric_loss: Limit = Limit(warn=0.1)
    retraining: Retraining = Retraining()
