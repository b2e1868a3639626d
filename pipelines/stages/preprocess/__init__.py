"""Stage ``preprocess``: the training set of one as-of day.

Why: training and evaluation read plain standardised arrays, day by day.
Promise: what is fitted (mean, deviation) comes from the training days alone, and from their
    statistics, so adding a day costs that day and nothing else.
Not here: computing features (``pipelines/stages/featurize/``), reading shards (``pipelines/stages/train/``).
"""
