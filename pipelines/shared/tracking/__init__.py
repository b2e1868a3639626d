"""Tracking: a training's settings, curves and system metrics in MLflow, sent while it runs.

Why: importing MLflow and sending to it costs seconds, and no step of training may wait for that.
Promise: training appends lines to a file; another process sends them. A training has one run,
    found by its digest, however often it is killed, retried or sent again; an unreachable MLflow
    never fails it.
Not here: registering the evaluated model (``pipelines/stages/promote/``), which finds the same run.
"""
