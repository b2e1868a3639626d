"""What a Data Docs page says above the expectations.

Why: a stage writes it down without importing what renders the page.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What the page says above the expectations.

    Attributes:
        title: Which data, and of which day or window.
        asset: Name of the data.
        verdict: ``accepted`` or ``refused``.
        reason: Why, or what was noticed.
        run: The run's identity.
        masked: Columns whose values are masked.
    """

    title: str
    asset: str
    verdict: str
    reason: str
    run: str
    masked: Collection[str] = ()
