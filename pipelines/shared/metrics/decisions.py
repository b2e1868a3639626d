"""What decisions came to: alerts, events caught and missed, false alerts, and what they cost.

Promise: sums alone, so that those of several days may be added; rates and costs follow from the sums.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Costs

Floats = NDArray[np.float64]

ROWS, EVENTS, ALERTS, CAUGHT, SQUARES = "rows", "events", "alerts", "caught", "squared_error"
MISSED, FALSE_ALERTS = "missed", "false_alerts"
COST = "cost"
COUNTS = (ROWS, EVENTS, ALERTS, CAUGHT, MISSED, FALSE_ALERTS, COST)
"""Metrics that are sums over rows: those of several days may be added."""


def row_sums(
    event: NDArray[np.bool_], probability: Floats, decision: NDArray[np.bool_] | None
) -> Iterator[tuple[str, Floats]]:
    """What each row adds to the sums, ``(n_rows,)`` by name; without decisions those of no alert.

    Args:
        event: Whether the event happened.
        probability: The probability that it would.
        decision: Whether there was an alert; None where nothing was decided.
    """
    yield ROWS, np.ones(len(event))
    yield EVENTS, event.astype(np.float64)
    yield SQUARES, (probability - event) ** 2
    if decision is not None:
        yield ALERTS, decision.astype(np.float64)
        yield CAUGHT, (decision & event).astype(np.float64)


def derived(sums: Mapping[str, float], costs: Costs | None) -> dict[str, float]:
    """The sums with what follows from them; a rate of nothing is nan."""
    found = {n: sums[n] for n in (ROWS, EVENTS) if n in sums}
    found["brier"] = _ratio(sums[SQUARES], sums[ROWS])
    if ALERTS not in sums:
        return found
    alerts, caught = sums[ALERTS], sums[CAUGHT]
    missed, false = sums[EVENTS] - caught, alerts - caught
    found |= {ALERTS: alerts, CAUGHT: caught, MISSED: missed, FALSE_ALERTS: false}
    found |= {"precision": _ratio(caught, alerts), "recall": _ratio(caught, sums[EVENTS])}
    if costs is not None:
        found[COST] = cost_of(costs, missed, false, alerts)
    return found


def cost_of(costs: Costs, missed: float, false_alerts: float, alerts: float) -> float:
    """What decisions cost: events that were missed, false alerts, and the work on every alert."""
    work = costs.work()
    return missed * costs.missed + false_alerts * costs.false_alert + alerts * work


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
