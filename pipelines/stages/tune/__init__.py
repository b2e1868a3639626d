"""Tuning: a search for better settings, on days before a model's test begins.

Why: settings chosen by looking at the test days say nothing about later days.
Promise: a search as of a day uses only what was known on the day that model's test begins; trials are
    pruned by asynchronous successive halving; a kill costs a trial its last seconds.
Not here: what may vary (``pipelines/spec/search.py``), one training (``pipelines/stages/train/``).
"""
