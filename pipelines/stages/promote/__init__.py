"""Promotion: a registered version for each judged model, and one of them the champion.

Why: what serves must be named, findable and replaceable by people and programs alike.
Promise: done twice, or killed at any point and done again, it ends the same.
Not here: the verdict (``pipelines/stages/evaluate/``), reading the registry (``pipelines/shared/registry/``).
"""
