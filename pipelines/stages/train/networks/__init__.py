"""Networks: the declared ones and those of users, as Keras models over the training set's inputs.

Why: a model's file must load with Keras alone, so only built-in layers and operations are used.
Promise: initial weights and every dropout mask follow from the seed; names of weights do not
    depend on other models of the process.
Not here: what a declaration may say (``pipelines/spec/models.py``), losses (``heads/``).
"""

from pipelines.stages.train.networks.build import build_model
from pipelines.stages.train.networks.inputs import ModelInputs, SequenceInput

__all__ = ["ModelInputs", "SequenceInput", "build_model"]
