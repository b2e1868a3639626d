"""Weights of rows of which it is known whether the event happened, in place of those of which it is not.

Why: those who are followed to the horizon are not like all; left unweighted, the event looks more common than it
    is.
Promise: the chance to be followed is estimated on training rows alone, so nothing of a test row changes the
    weight of a training row.
Source:
    J. M. Robins and D. M. Finkelstein, "Correcting for noncompliance and dependent censoring in an AIDS
    clinical trial with inverse probability of censoring weighted (IPCW) log-rank tests", Biometrics 56, 2000.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.survival_curves import StepFunction
from pipelines.spec import Binary, Outcome, Pipeline
from pipelines.stages.cohort.drawing import Drawn

LEAST_FOLLOWED = 0.05
"""The smallest chance that a weight is the inverse of: no row counts for more than twenty."""


def weighs(pipeline: Pipeline) -> bool:
    """Whether rows are weighted: a hazard counts each row for as long as it was followed, a flag cannot."""
    label = pipeline.label
    followed = isinstance(label, Outcome) and bool(label.followed_until)
    return followed and isinstance(pipeline.head, Binary)


def weights_of(drawn: Drawn, followed: StepFunction, *, weigh: bool) -> NDArray[np.float32]:
    """Weight of each row, ``(n_rows,)``; 0 where it is left out."""
    taken = drawn.taken.astype(np.float32)
    if not weigh:
        return taken
    chance = followed.before(np.nan_to_num(drawn.days))
    return (taken / np.maximum(chance, LEAST_FOLLOWED)).astype(np.float32)
