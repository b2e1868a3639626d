"""Tracking: a training's settings, curves and machine in MLflow, while it runs and off its path.

Why: importing MLflow and talking to it costs seconds, which no step of training may wait for.
Promise: training appends lines to a file; another process sends them. A training has one run,
    found by its digest, however often it is killed, retried or sent again; MLflow being away
    never fails it.
Not here: registering the judged model (``pipelines/stages/promote/``), which finds the same run.
"""
