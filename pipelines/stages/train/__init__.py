"""Training: one network on every GPU of the machine, or on the CPU, resumable bit by bit.

Why: ``model.fit`` under a strategy silently gets uneven batches, clipping and some inputs
    wrong, and cannot be stopped and resumed in the middle of an epoch.
Promise: the same training set, settings and device count give the same weights, bit for bit,
    however often the run was killed and resumed.
Not here: evaluating the model (``pipelines/stages/evaluate/``).
"""
