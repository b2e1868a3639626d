"""Networks: the declared ones and the user's own, as Keras models over the training set's inputs.

Why: a model's file must load wherever Keras is, so nothing but stock layers and operations is used.
Promise: initial weights and every dropout mask follow from the seed; names of weights do not
    depend on what else the process built.
Not here: what a declaration may say (``pipelines/spec/models.py``), losses (``heads/``).
"""

from pipelines.stages.train.networks.build import build_model
from pipelines.stages.train.networks.inputs import ModelInputs, SequenceInput

__all__ = ["ModelInputs", "SequenceInput", "build_model"]
