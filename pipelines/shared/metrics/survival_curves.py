"""Product-limit estimates over times: of being without the event, of being followed, of each cause.

Why: the chance to be observed weighs rows, and the observed incidence shows what competing events hide.
Promise: exact over the distinct times; where an event and a censoring are at one time, the event came first.
Sources:
    E. L. Kaplan and P. Meier, "Nonparametric estimation from incomplete observations", Journal of the
    American Statistical Association 53, 1958; O. O. Aalen and S. Johansen, "An empirical transition matrix
    for non-homogeneous Markov chains based on censored observations", Scandinavian Journal of Statistics 5,
    1978.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepFunction:
    """A step function that is 1 before its first time.

    Attributes:
        days: Times at which it falls, ascending, ``(n_steps,)``.
        value: Value from each time on, ``(n_steps,)``.
    """

    days: Floats
    value: Floats

    def at(self, days: Floats) -> Floats:
        """Its values at times."""
        return self._padded()[np.searchsorted(self.days, days, side="right")]

    def before(self, days: Floats) -> Floats:
        """Its values just before times."""
        return self._padded()[np.searchsorted(self.days, days, side="left")]

    def _padded(self) -> Floats:
        return np.concatenate([[1.0], self.value])


def censoring_curve(days: Floats, censored: NDArray[np.bool_]) -> StepFunction:
    """The probability not to have been censored by a time.

    Args:
        days: When each row ended, ``(n_rows,)``.
        censored: Whether its follow-up ended it, ``(n_rows,)``.
    """
    times, at_risk, ended = _counts(days, censored)
    events = np.bincount(np.searchsorted(times, days), ~censored, len(times))
    # Those with an event at the time are no longer at risk of being censored then.
    left = at_risk - events
    hazard = np.divide(ended, left, out=np.zeros(len(times)), where=ended > 0)
    return _falling(times, np.cumprod(1.0 - hazard))


def free_of(days: Floats, happened: NDArray[np.bool_]) -> StepFunction:
    """Kaplan-Meier's probability to be without the event by a time; all other rows count as censored."""
    times, at_risk, events = _counts(days, happened)
    return _falling(times, np.cumprod(1.0 - np.divide(events, np.maximum(at_risk, 1))))


def incidence(days: Floats, cause: NDArray[np.int8], of: int) -> StepFunction:
    """Aalen and Johansen's probability to be without the event of a cause by a time.

    Args:
        days: When each row ended, ``(n_rows,)``.
        cause: What ended it, 0 for neither event, ``(n_rows,)``.
        of: The cause.
    """
    times, happened = cumulative_incidence(days, cause == of, cause > 0)
    return _falling(times, 1.0 - happened)


def cumulative_incidence(
    days: Floats, happened: NDArray[np.bool_], ended: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Distinct times, and Aalen and Johansen's share of rows that have the event by each.

    Args:
        days: When each row ended, ``(n_rows,)``.
        happened: Whether the event ended it, ``(n_rows,)``.
        ended: Whether any event did; the others were censored, ``(n_rows,)``.
    """
    times, at_risk, events = _counts(days, ended)
    own = np.bincount(np.searchsorted(times, days), happened, len(times))
    hazard = np.divide(events, np.maximum(at_risk, 1))
    free = np.concatenate([[1.0], np.cumprod(1.0 - hazard)])[:-1]
    return times, np.cumsum(free * own / np.maximum(at_risk, 1))


def _counts(days: Floats, counted: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Distinct times, rows that had not ended before each, and rows that are counted at it."""
    times, at = np.unique(days, return_inverse=True)
    ended = np.bincount(at, minlength=len(times)).astype(np.float64)
    at_risk = len(days) - np.concatenate([[0.0], np.cumsum(ended)])[:-1]
    return times, at_risk, np.bincount(at, counted, len(times)).astype(np.float64)


def _falling(times: Floats, value: NDArray[Any]) -> StepFunction:
    """The times at which it falls alone."""
    falls = np.diff(value, prepend=1.0) < 0
    return StepFunction(times[falls], value[falls])
