"""Metrics of predictions, and their intervals by resampling entities.

Why: a model must be measured alike on its test days and on the days that it really scored.
Not here: predictions (``pipelines/shared/scoring/``), verdicts (``pipelines/stages/evaluate/``).
"""
