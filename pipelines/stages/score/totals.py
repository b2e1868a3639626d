"""What the scores of a partition add up to.

Why: settling and watching need counts and sums of a day, and must not read its rows for them.
Promise: sums are of ranges that follow from the rows alone, added exactly, so they depend on no order of tasks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.spec import Binary, Head
from pipelines.stages.score.scored_table import Decided

BINS = 20


@dataclass(frozen=True, slots=True)
class RangeTotals:
    """What some rows' scores add up to; of another head than ``Binary`` their number alone.

    Attributes:
        rows: Their number.
        alerts: Rows with a positive decision; None where the model has no threshold.
        histogram: Rows in each of 20 equal bins of the probability.
        sums: Sums of the calibrated probability: of all rows, of those with an alert, and of its square.
    """

    rows: int
    alerts: int | None = None
    histogram: tuple[int, ...] = ()
    sums: tuple[float, ...] = ()


def totals_of(head: Head, found: Decided, rows: int) -> RangeTotals:
    """What a range's rows add up to."""
    if not isinstance(head, Binary) or found.probability is None:
        return RangeTotals(rows)
    p = found.probability.astype(np.float64)
    bins = np.clip((p * BINS).astype(np.int64), 0, BINS - 1)
    histogram = np.bincount(bins, minlength=BINS)
    alerted = np.zeros(len(p), bool) if found.decision is None else found.decision
    return RangeTotals(
        rows,
        None if found.decision is None else int(alerted.sum()),
        tuple(histogram.tolist()),
        (float(p.sum()), float(p[alerted].sum()), float((p * p).sum())),
    )


def summed(parts: Sequence[RangeTotals]) -> RangeTotals:
    """What consecutive ranges add up to."""
    alerts = [part.alerts for part in parts if part.alerts is not None]
    return RangeTotals(
        sum(part.rows for part in parts),
        sum(alerts) if alerts else None,
        tuple(map(sum, zip(*(part.histogram for part in parts), strict=True))),
        tuple(map(math.fsum, zip(*(part.sums for part in parts), strict=True))),
    )


def described(totals: RangeTotals) -> dict[str, Any]:
    """As ``scores.json`` has it."""
    if not totals.histogram:
        return {"rows": totals.rows}
    return {
        "rows": totals.rows,
        "alerts": totals.alerts,
        "histogram": list(totals.histogram),
        "expected": dict(
            zip(("events", "events_with_alert", "squares"), totals.sums, strict=True)
        ),
    }
