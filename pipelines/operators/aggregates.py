"""Aggregates over trailing windows, by the name that a declaration gives them.

Why: what may be declared, which columns an aggregate reads and what it gives over nothing are in one table.
Not here: their arithmetic (``pipelines/stages/featurize/aggregates.py``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """What an aggregate reads and gives.

    Attributes:
        reads_column: Whether it reads the values of a column.
        of_any_type: Whether that column may be a text; others must be numeric.
        over_nothing: Its value over an empty window; NaN where it is unknown.
    """

    reads_column: bool = True
    of_any_type: bool = False
    over_nothing: float = math.nan


AGGREGATES: Mapping[str, Aggregate] = {
    "count": Aggregate(reads_column=False, of_any_type=True, over_nothing=0.0),
    "sum": Aggregate(over_nothing=0.0),
    "mean": Aggregate(over_nothing=0.0),
    "rate": Aggregate(over_nothing=0.0),
    "min": Aggregate(),
    "max": Aggregate(),
    "last": Aggregate(),
    "days_since_last": Aggregate(reads_column=False, of_any_type=True),
    "distinct": Aggregate(of_any_type=True, over_nothing=0.0),
    "ever": Aggregate(reads_column=False, of_any_type=True, over_nothing=0.0),
    "days_since_first": Aggregate(reads_column=False, of_any_type=True),
    "std": Aggregate(),
    "slope": Aggregate(),
}


def reads_column(name: str) -> bool:
    """Whether the aggregate of that name reads a column; an unknown name is refused elsewhere."""
    return name not in AGGREGATES or AGGREGATES[name].reads_column
