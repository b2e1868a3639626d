"""Training: one network on every GPU of the machine, or on the CPU, resumable to the bit.

Why: ``model.fit`` under a strategy gets uneven batches, clipping and some inputs wrong without
    a word, and cannot be stopped and resumed in the middle of an epoch.
Promise: the same training set, settings and device count give the same weights, bit for bit,
    however often the run was killed and resumed.
Not here: judging the model (``pipelines/stages/evaluate/``).
"""
