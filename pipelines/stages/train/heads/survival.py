"""Training a model of a time: a hazard for each interval."""

from typing import Any

import tensorflow as tf

from pipelines.spec import Survival
from pipelines.stages.train.heads.head_training import HeadTraining


class SurvivalTraining(HeadTraining[Survival]):
    """How models of a time are trained."""

    def loss(self, outputs: Any, y: Any) -> tf.Tensor:
        """Negative log-likelihood of the hazards (Gensheimer and Narasimhan 2019, equation 4).

        An event counts as survival of every interval before its own and as the event in that one; a
        censored row as survival of the intervals of which it was seen for half or more.
        """
        cuts = self.head.cuts_days
        ends = tf.constant(cuts, tf.float32)
        starts = tf.constant((0.0, *cuts[:-1]), tf.float32)
        time, happened = tf.abs(y)[:, None], (y > 0)[:, None]
        seen = tf.where(happened, time >= ends, time >= (starts + ends) / 2)
        died = happened & (time >= starts) & (time < ends)
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
