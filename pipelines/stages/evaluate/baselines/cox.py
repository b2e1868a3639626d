"""Cox's proportional hazards model, with Breslow's handling of ties and a ridge penalty.

Promise: deterministic; the same coefficients as scikit-survival's and statsmodels' where there is no penalty.
Source: D. R. Cox, "Regression models and life-tables", JRSS B 34, 1972; N. E. Breslow, discussion of that paper.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import TrainingError

Floats = NDArray[np.float64]

STEPS, TOLERANCE = 50, 1e-9
HALVES = tuple(0.5**n for n in range(20))


@dataclass(frozen=True, slots=True)
class CoxModel:
    """A fitted model.

    Attributes:
        coefficients: Log hazard ratio of each input, ``(n_inputs,)``.
        at: Times of events, ascending.
        steps: Baseline hazard at each of them.
    """

    coefficients: Floats
    at: Floats
    steps: Floats

    def ratio(self, x: Floats) -> Floats:
        """Hazard of rows beside that of a row of zeros, ``(n_rows,)``."""
        return np.exp(np.clip(x @ self.coefficients, -50, 50))


def fit_cox(x: Floats, days: Floats, event: NDArray[np.bool_], ridge: float) -> CoxModel:
    """Fit by Newton's method, halving a step that makes the likelihood smaller.

    Args:
        x: Inputs, ``(n_rows, n_inputs)``.
        days: How long each row was followed.
        event: Whether the event ended it.
        ridge: Weight of half the sum of squared coefficients, beside the negative log partial likelihood.

    Raises:
        TrainingError: It does not converge.
    """
    order = np.argsort(-days, kind="stable")
    data = _Sorted(x[order], days[order], event[order], ridge)
    beta = np.zeros(x.shape[1])
    loss, gradient, hessian = data.at(beta)
    for _ in range(STEPS):
        step = np.linalg.lstsq(hessian, -gradient, rcond=None)[0]
        tried = (beta + share * step for share in HALVES)
        better = next(((b, f) for b in tried if (f := data.at(b))[0] <= loss), None)
        if better is None:
            return data.model(beta)
        change = loss - better[1][0]
        beta, (loss, gradient, hessian) = better
        if change <= TOLERANCE * (1.0 + abs(loss)) * 1e-3:
            return data.model(beta)
    raise TrainingError(
        f"The Cox baseline does not converge after {STEPS} steps on {len(days):,} rows. Raise "
        f"evaluation.baseline.ridge, or omit an input that separates rows with the event from others."
    )


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Rows by falling time, so that those at risk are those before."""

    x: Floats
    days: Floats
    event: NDArray[np.bool_]
    ridge: float

    def at(self, beta: Floats) -> tuple[float, Floats, Floats]:
        """Penalised negative log partial likelihood, its gradient and its Hessian."""
        ratio, last, at_risk = self._risk(beta)
        sums = np.cumsum(self.x * ratio[:, None], axis=0)[last[self.event]]
        means = sums / at_risk[self.event][:, None]
        loss = float(np.log(at_risk[self.event]).sum() - (self.x[self.event] @ beta).sum())
        gradient = means.sum(axis=0) - self.x[self.event].sum(axis=0)
        # A row adds to the Hessian at each event that it was at risk of: by its cumulative hazard.
        weighed = self.x * (ratio * self._cumulative(at_risk))[:, None]
        hessian = self.x.T @ weighed - means.T @ means
        penalty = self.ridge * beta
        hessian += self.ridge * np.eye(len(beta))
        return loss + 0.5 * float(penalty @ beta), gradient + penalty, hessian

    def model(self, beta: Floats) -> CoxModel:
        """The model with its baseline hazard."""
        _, _, at_risk = self._risk(beta)
        at, index = np.unique(self.days[self.event], return_inverse=True)
        steps = np.zeros(len(at))
        np.add.at(steps, index, 1.0 / at_risk[self.event])
        return CoxModel(beta, at, steps)

    def _risk(self, beta: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
        """Hazard ratio of each row, the last row at risk with it, and the sum of ratios at risk."""
        ratio = np.exp(np.clip(self.x @ beta, -50, 50))
        last = np.searchsorted(-self.days, -self.days, side="right") - 1
        return ratio, last, np.cumsum(ratio)[last]

    def _cumulative(self, at_risk: Floats) -> Floats:
        """Cumulative baseline hazard at each row's time."""
        steps = np.where(self.event, 1.0 / at_risk, 0.0)
        first = np.searchsorted(-self.days, -self.days, side="left")
        return np.cumsum(steps[::-1])[::-1][first]
