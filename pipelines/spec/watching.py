"""Declared watching: how far scored days may differ from the champion's training days.

Why: what counts as drift, and whether it stops a run or asks for a new model, depends on the problem.
Promise: plain values only; no setting changes a score or a metric.
Not here: limits for single days of data (``gates.py``), watching a day, which is a stage of its own.
"""

from pipelines.core.declared import declared
from pipelines.spec.gates import Limit

__all__ = ["Retraining", "Watch"]

DRIFT, DECAY = ASKING = ("drift", "decay")
"""Kinds of alarms that may ask for a new model."""


@declared
class Retraining:
    """When what is seen on scored days asks for a new model.

    The model DAG then runs as of the day after the one with the alarm, beside its own schedule. Only drift from
    the champion's training days asks for it: what differs from the last weeks alone is a change at the source.

    Attributes:
        on: Kinds of alarms that ask for one: ``drift``, ``decay``; empty for none.
        cooldown_days: Days after an alarm that asked for a model within which no other one does.
    """

    on: tuple[str, ...] = ()
    cooldown_days: int = 28


@declared
class Watch:
    """Limits for the difference of a scored day from the champion's training days and from the weeks before.

    A limit's ``warn`` is a warning in log, page and asset event; its ``refuse`` fails the task. A difference
    that few rows explain, or that days of the reference have among themselves, is within any limit.

    Attributes:
        weeks_back: Weeks before a day that it is also compared with, weekday by weekday; 0 for none.
        psi: Population stability index of an input.
        js: Jensen-Shannon divergence of an input in bits, 0 to 1.
        wasserstein: Wasserstein distance of an input, in its standard deviations on the reference's days.
        psi_of: ``(feature, Limit)`` pairs that replace ``psi``.
        constant: 1 for an input with a single value that has several on each day of the reference.
        not_watched: Features that are not compared.
        excused: Days that are right although they differ, such as holidays: measured, without an alarm.
        score_psi: Population stability index of the scores.
        rows_ratio: Ratio of the rows to the usual number of the weekday, or the inverse if that is larger.
        label_ratio: Ratio of the odds of a label of 1 to the usual odds, or the inverse, on the newest day
            whose labels are known.
        metric_loss: How much worse than on the test days the head's primary metric may be, over a week
            of days whose labels have become known.
        late_after_hours: Hours after its run is due within which a partition is taken in and scored; None
            for no deadline.
        retraining: When an alarm asks for a new model.
    """

    weeks_back: int = 4
    psi: Limit = Limit(warn=0.25)
    js: Limit = Limit()
    wasserstein: Limit = Limit()
    psi_of: tuple[tuple[str, Limit], ...] = ()
    constant: Limit = Limit(warn=0.0)
    not_watched: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()
    score_psi: Limit = Limit(warn=0.25)
    rows_ratio: Limit = Limit(warn=3.0)
    label_ratio: Limit = Limit(warn=2.0)
    metric_loss: Limit = Limit(warn=0.1)
    late_after_hours: float | None = None
    retraining: Retraining = Retraining()
