"""Training a model of a time: a hazard for each interval, and for each kind of event."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from pipelines.spec import Survival
from pipelines.stages.train.heads.head_training import Floats, HeadTraining, or_half


class SurvivalTraining(HeadTraining[Survival]):
    """How models of a time are trained, where nothing competes with the event."""

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """Negative log-likelihood of the hazards (Gensheimer and Narasimhan 2019, equation 4).

        An event counts as survival of every interval before its own and as the event in that one; a
        censored row as survival of the intervals of which it was seen for half or more.
        """
        seen, died = intervals(tf, y, y > 0, self.head.cuts_days)
        hazard = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(died, tf.float32), logits=outputs
        )
        return tf.reduce_sum(hazard * tf.cast(seen | died, tf.float32), axis=1)

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """``survival (n_rows, intervals)``, the chance to be without the event at each cut, and ``score``.

        The score is the chance of the event by the last cut.
        """
        survival = tf.math.cumprod(tf.sigmoid(-outputs), axis=1)
        return {"survival": survival, "score": 1.0 - survival[:, -1]}

    def tally(self, y: NDArray[np.float32], weight: Floats) -> Floats:
        """Weight of the rows that survive each interval and that have the event in it."""
        seen, died = intervals(np, y, y > 0, self.head.cuts_days)
        return by_interval(weight, seen, died)

    def start(self, tally: Floats) -> Floats:
        """The log odds of the event among the rows at risk in each interval."""
        return log_odds(tally, kind=1)


class CompetingTraining(HeadTraining[Survival]):
    """How models of a time are trained where another event competes: labels ``(n_rows, 2)``.

    Of the rows at risk in an interval some have the event, some the competing one, and some neither:
    one softmax, whose third logit is 0. Outputs are the event's logits, then those of the other.

    Source:
        G. Tutz and M. Schmid, "Modeling Discrete Time-to-Event Data", Springer 2016, chapter 8
        (cause-specific discrete hazards as a multinomial logit model).
    """

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """Negative log-likelihood of what became of the row in each interval in which it was at risk.

        Either event counts as one counts where nothing competes, and so does a censored row.
        """
        competed = y[:, 1] > 0
        seen, ended = intervals(tf, y[:, 0], (y[:, 0] > 0) | competed, self.head.cuts_days)
        kind = tf.where(competed, 2, 1)[:, None] * tf.cast(ended, tf.int32)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=kind, logits=self._logits(outputs)
        )
        return tf.reduce_sum(each * tf.cast(seen | ended, tf.float32), axis=1)

    def predictions(self, outputs: Any) -> dict[str, Any]:
        """``survival``, ``competing``, each ``(n_rows, intervals)``, and ``score``.

        Survival is the chance to be without the event at each cut, whatever else happened, which is 1
        less its cumulative incidence; competing is the cumulative incidence of the competing event. The
        score is the chance of the event by the last cut.
        """
        neither, event, other = tf.unstack(tf.nn.softmax(self._logits(outputs)), axis=2)
        before = tf.math.cumprod(neither, axis=1, exclusive=True)
        incidence = tf.cumsum(before * event, axis=1)
        return {
            "survival": 1.0 - incidence,
            "competing": tf.cumsum(before * other, axis=1),
            "score": incidence[:, -1],
        }

    def tally(self, y: NDArray[np.float32], weight: Floats) -> Floats:
        """Weight of the rows that survive each interval, have the event in it, or the other."""
        happened, competed = y[:, 0] > 0, y[:, 1] > 0
        seen, ended = intervals(np, y[:, 0], happened | competed, self.head.cuts_days)
        kinds = ended & ~competed[:, None], ended & competed[:, None]
        return by_interval(weight, seen, *kinds)

    def start(self, tally: Floats) -> Floats:
        """The logarithm of either event to neither, among the rows at risk in each interval."""
        return np.concatenate([log_odds(tally, kind=1), log_odds(tally, kind=2)])

    def _logits(self, outputs: Any) -> tf.Tensor:
        """Logits of neither, the event and the competing one, ``(n_rows, intervals, 3)``."""
        event, other = tf.split(outputs, 2, axis=1)
        return tf.stack([tf.zeros_like(event), event, other], axis=2)


def survival_training(head: Survival, focal_gamma: float) -> HeadTraining[Survival]:
    """How a model of a time is trained, by whether an event competes."""
    return (CompetingTraining if head.competing else SurvivalTraining)(head, focal_gamma)


def intervals(xp: Any, days: Any, ended: Any, cuts_days: tuple[float, ...]) -> tuple[Any, Any]:
    """Intervals that each row survives, and that in which it ends, ``(n_rows, intervals)``.

    Args:
        xp: ``numpy`` or ``tensorflow``.
        days: Signed days, ``(n_rows,)``.
        ended: Whether an event ended the row; else it was censored.
        cuts_days: Ends of the intervals.
    """
    ends = np.array(cuts_days, np.float32)
    starts = np.array((0.0, *cuts_days[:-1]), np.float32)
    time, ended = xp.abs(days)[:, None], ended[:, None]
    seen = xp.where(ended, time >= ends, time >= (starts + ends) / 2)
    return seen, ended & (time >= starts) & (time < ends)


def by_interval(weight: Floats, *kinds: NDArray[np.bool_]) -> Floats:
    """Weight of the rows of each kind in each interval, ``(kinds, intervals)``."""
    return np.stack([np.einsum("n,nk->k", weight, kind) for kind in kinds])


def log_odds(tally: Floats, kind: int) -> Floats:
    """Logarithm of a kind's weight to that of surviving, by interval.

    Where no row is at risk nothing is known, and nothing will be learnt: the interval before stands.
    """
    counts = or_half(tally)
    odds, at_risk = np.log(counts[kind] / counts[0]), tally.sum(axis=0) > 0
    last = np.maximum.accumulate(np.where(at_risk, np.arange(len(odds)), 0))
    return np.asarray(odds[last])
