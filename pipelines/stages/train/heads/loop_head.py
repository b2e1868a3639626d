"""A declared head, as the training loop uses it.

Why: the loop needs losses and scores, and is the same for all kinds of heads.
"""

from pipelines.spec import Binary, Head
from pipelines.stages.train.heads.losses import row_loss
from pipelines.stages.train.network import LoopHead


def loop_head(declared: Head, focal_gamma: float = 0.0) -> LoopHead:
    """The head's loss, and for ``Binary`` the logit that ranks rows."""
    loss = row_loss(declared, focal_gamma)
    ranks = isinstance(declared, Binary)
    return LoopHead(loss=loss, score=(lambda outputs: outputs[:, 0]) if ranks else None)
