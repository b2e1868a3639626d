"""A declared head as the loop takes it.

Why: the loop knows losses and scores, and no kinds of heads.
"""

from pipelines.spec import Binary
from pipelines.spec import Head as Declared
from pipelines.stages.train.heads.losses import row_loss
from pipelines.stages.train.network import Head


def loop_head(declared: Declared, focal_gamma: float = 0.0) -> Head:
    """Its loss, and for an event the logit that ranks rows."""
    loss = row_loss(declared, focal_gamma)
    ranks = isinstance(declared, Binary)
    return Head(loss=loss, score=(lambda outputs: outputs[:, 0]) if ranks else None)
