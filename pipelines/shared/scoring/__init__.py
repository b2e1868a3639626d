"""Predictions of a published model: dense networks in NumPy, any other by its graph.

Why: evaluating, scoring a day and explaining a row must give one row one score.
Not here: metrics (``pipelines/shared/metrics/``), training (``pipelines/stages/train/``).
"""
