"""Metrics of when an event happens, where follow-up ends before it for some rows.

Why: a row that was lost from sight is neither one with the event nor one without it, and a row whose
    competing event came first is one without.
Promise: what is unknown because of censoring counts by others, weighed by the inverse of the chance to be in
    sight, which is estimated from training rows alone. At one time events come before censoring: a row that was
    last seen at a horizon is known to be without the event by then.
Not here: what a ``Survival`` head shows of them (``pipelines/stages/evaluate/heads/survival.py``).
"""
