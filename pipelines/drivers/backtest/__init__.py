"""Retraining policies, replayed over past days: what each would have caught, missed and cost.

Why: whether to train each week, each month, or when the data drifts is decided on the past, not by taste.
Promise: on each day a policy uses what was known when that day began; the models are those that a scheduled run of
    the same as-of day and settings makes, to the bit, so that a repeated backtest trains nothing.
"""
