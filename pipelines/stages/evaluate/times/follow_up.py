"""How long rows were followed, how that ended, and the chance to be still in sight.

Promise: the chance is that of training rows; a time beyond what they were followed has none.
Source: E. Graf, C. Schmoor, W. Sauerbrei and M. Schumacher, "Assessment and comparison of prognostic classification
    schemes for survival data", Statistics in Medicine 18, 1999, section 3 (weights); R. Schoop, J. Beyersmann,
    M. Schumacher and H. Binder, "Quantifying the predictive accuracy of time-to-event models in the presence of
    competing risks", Biometrical Journal 53, 2011 (competing events).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.survival_curves import StepFunction, censoring_curve

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """How rows ended; one with neither the event nor a competing one was censored.

    Attributes:
        days: When, ``(n_rows,)``.
        event: Whether the event ended it, ``(n_rows,)``.
        competing: Whether a competing event did, ``(n_rows,)``.
    """

    days: Floats
    event: Flags
    competing: Flags

    @property
    def censored(self) -> Flags:
        """Rows that ended with neither."""
        return ~(self.event | self.competing)

    def of_rows(self, rows: NDArray[Any]) -> "FollowUp":
        """Those of some rows, by flags or numbers."""
        return FollowUp(self.days[rows], self.event[rows], self.competing[rows])


def follow_up(labels: NDArray[Any]) -> FollowUp:
    """From labels of a ``Survival`` head: signed days ``(n_rows,)``, or with a column for the competing event."""
    days = labels if labels.ndim == 1 else labels[:, 0]
    ended = np.zeros(len(days), bool) if labels.ndim == 1 else labels[:, 1] > 0
    days = days.astype(np.float64)
    return FollowUp(np.abs(days), (days > 0) & ~ended, ended)


@dataclass(frozen=True, slots=True)
class InSight:
    """Kaplan-Meier estimate of the chance not to be censored before a time.

    Attributes:
        curve: The chance not to be censored by a time.
        last: Longest time that a row was followed.
    """

    curve: StepFunction
    last: float

    def before(self, days: Floats) -> Floats:
        """Chance to be in sight just before these times."""
        return self.curve.before(days)

    def covers(self, days: float) -> bool:
        """Whether rows are in sight by then."""
        return days <= self.last and bool(self.before(np.array([days]))[0] > 0)


def in_sight(rows: FollowUp) -> InSight:
    """Estimate from rows; those whose event came at a time of censoring had left before."""
    last = float(rows.days.max()) if len(rows.days) else 0.0
    return InSight(censoring_curve(rows.days, rows.censored), last)


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of rows at a horizon; a row that was censored before is neither case nor control.

    Attributes:
        case: Whether the event happened by then, ``(n_rows,)``.
        control: Whether it did not, and never will where a competing event came first.
        weight: Inverse of the chance to be in sight for so long; 0 where nothing is known.
    """

    case: Flags
    control: Flags
    weight: Floats


def status_at(rows: FollowUp, days: float, chance: InSight) -> Status:
    """The status of rows at a horizon that ``chance`` covers."""
    case = rows.event & (rows.days <= days)
    ended = (rows.event | rows.competing) & (rows.days <= days)
    control = ~case & (ended | (rows.days >= days))
    known = case | control
    weight = np.zeros(len(rows.days))
    weight[known] = 1.0 / chance.before(np.minimum(rows.days[known], days))
    return Status(case, control, weight)


def exact(days: float) -> float:
    """A declared time as labels have it, which are single precision."""
    return float(np.float32(days))
