"""Evaluation: is this model good enough, and better than the one in use, on later days.

Why: a loss says nothing about the alerts a team can look at, and a single number nothing about
    chance.
Promise: only days after the training labels were known count, entities known to have had the event
    are left out, and every number has an interval; the same inputs give the same bytes.
Not here: acting on the verdict (``pipelines/stages/promote/``).
"""
