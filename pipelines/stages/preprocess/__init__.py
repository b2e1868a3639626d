"""Stage ``preprocess``: the training set of one as-of day.

Why: training and evaluation read plain standardised arrays, day by day.
Promise: operators are fitted to the training days alone, by merging their statistics, so a new day
    costs reading that day only.
Not here: computing features (``pipelines/stages/featurize/``), reading shards (``pipelines/stages/train/``).
"""
