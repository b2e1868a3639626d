"""Stage ``validate``: accept a day's rows, quarantine them, or refuse the day.

Why: a bad delivery must not reach features, models or scores; a bad row must not cost a day.
Not here: rules and their evaluation (``pipelines/shared/expectations/``).
"""
