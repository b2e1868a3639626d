"""Stage ``validate``: a day's rows pass the gate, go to quarantine, or the day is refused.

Why: one bad delivery must not reach features, models or scores; one bad row must not cost a day.
Not here: rules and their evaluation (``pipelines/shared/expectations/``).
"""
