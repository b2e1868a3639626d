"""Heads in TensorFlow: the last layer, the loss of each row, and the predictions.

Why: the loop weighs and sums losses by itself, so a head gives one number a row and no mean.
Promise: losses are finite for finite outputs; predictions are what the serving graph returns.
Not here: what a declaration may say (``pipelines/spec/heads.py``).
"""

from pipelines.stages.train.heads.layer import head_layer
from pipelines.stages.train.heads.loop_head import loop_head
from pipelines.stages.train.heads.losses import row_loss
from pipelines.stages.train.heads.predictions import predictions

__all__ = ["head_layer", "loop_head", "predictions", "row_loss"]
