"""Slices of the test rows that a model fails, found by a bounded search with correction for many looks.

Why: a group that nobody thought of is in no declaration.
Promise: the same rows give the same slices; where the model is as good on every slice, one is reported with the
    declared chance at most.
Source: Y. Chung, T. Kraska, N. Polyzotis, K. H. Tae, S. E. Whang, "Slice Finder: automated data slicing for model
    validation", ICDE 2019, whose slices these are; tests are corrected by S. Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
"""
