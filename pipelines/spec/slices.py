"""Declared search for the slices of test rows that a model fails.

Why: a group that nobody thought of cannot be declared as a subgroup.
Promise: plain values only; the search changes no metric of the whole.
Not here: groups that are declared (``evaluation.py``), the search (``pipelines/stages/evaluate/slices/``).
"""

from pipelines.core.declared import declared

__all__ = ["SliceSearch"]


@declared
class SliceSearch:
    """A search for slices of the test rows on which the model is worse than on the others.

    Numbers are cut at quantiles of the test rows, texts and flags into their most frequent values; a slice is one such
    range or value of a feature, or of two. What is searched for is a loss that is larger than on all other rows: for a
    ``Binary`` head the log-loss of each row beyond the one that its own probability expects, so that a slice with
    more events is not worse for that alone; for other heads their primary metric. Each slice is tested by a
    one-sided t-test on sums of entities, and all tests together are corrected for their number (Holm), so that where
    there is no such slice one is reported with a chance of ``level`` at most. A ``Survival`` head has no such search.

    Attributes:
        columns: Features to cut; empty for all of one number or text, in their order.
        max_columns: Most features of a slice: 1 or 2.
        ranges: Ranges that a number is cut into, and most values of a text.
        min_share: Smallest share of the test rows in a slice. One of fewer than 10 entities, or with fewer than 5
            events, is never looked at.
        max_looks: Most slices that are looked at, those of one feature first.
        level: Chance to report any slice where the model is as good on each.
        reported: Most slices that are reported, the worst first.
    """

    columns: tuple[str, ...] = ()
    max_columns: int = 2
    ranges: int = 4
    min_share: float = 0.01
    max_looks: int = 5_000
    level: float = 0.05
    reported: int = 5
