"""Stage ``featurize``: each row's features, from the row and from its entities' history.

Why: what a model sees of a row must be what was known at the row's own time.
Promise: a day's features depend on that day and on its look-back, never on later rows, on the
    order in which days are made, or on how the work is cut up.
Not here: statistics over days and scaling (``pipelines/stages/preprocess/``).
"""
