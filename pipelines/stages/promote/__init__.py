"""Promotion: a registered version for each evaluated model, and one of them the champion.

Why: the model in use must have a name by which people and programs can find and replace it.
Promise: it is idempotent, also where it was killed at any point and run again.
Not here: the verdict (``pipelines/stages/evaluate/``), reading the registry (``pipelines/shared/registry/``).
"""
