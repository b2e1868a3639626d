"""Counts of people on a page, of whom too few would name them.

Why: "one of 93 people with this outcome" is known to everybody who knows that one.
Promise: a count from 1 to below ``FEWEST`` is shown as ``<5``; 0 and every other count as it is.
Not here: values of sensitive columns (``pipelines/core/masking.py``).
"""

FEWEST = 5
"""The smallest count of people that a page shows."""


def is_small(people: int) -> bool:
    """Whether a count of people is one that no page shows, and so are figures of those people."""
    return 0 < people < FEWEST


def shown_count(people: int) -> str:
    """A count of people as pages show it: ``0``, ``<5`` or ``1,234``."""
    return f"<{FEWEST}" if is_small(people) else f"{people:,}"
