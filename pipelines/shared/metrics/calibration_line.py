"""Slope and intercept of the calibration of a risk.

Why: a risk of 10 % should mean that one of ten has the event. The slope of the logistic regression of the event on the
    logit of the risk says whether risks are too extreme (below 1) or too moderate; the intercept, with the slope held
    at 1, whether they are too low (above 0) or too high.
Promise: rows may be weighed, so that with inverse-probability-of-censoring weights a horizon is evaluated in the same
    way; a resample is one Newton step from the fit to all rows, a few sums of rows.
Source: D. R. Cox, "Two further applications of a model for binary regression", Biometrika 45, 1958; B. Van Calster et
    al., "Calibration: the Achilles heel of predictive analytics", BMC Medicine 17, 2019; weighed by the inverse
    probability of censoring: A. Pate et al., "Calibration plots for multistate risk predictions models", Statistics in
    Medicine 43, 2024; the step: W. R. Schucany and S. Wang, "One-step bootstrapping for smooth iterative procedures",
    JRSS B 53, 1991.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Beyond it single precision has no more of a risk.
LEAST_RISK = 1e-7
STEPS, LONGEST, TOLERANCE, LARGEST, RANK = 100, 10.0, 1e-13, 100.0, 1e-10
HALVES = tuple(0.5**n for n in range(20))


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """Both fits to all rows, and what a step from there needs of each row.

    Attributes:
        slope: Slope of the regression; nan where it cannot be fitted.
        intercept: Intercept with a slope of 1.
        of_line: Gradient (2) and negative Hessian (3 different entries) at the first fit, ``(n_rows, 5)``.
        of_intercept: The same at the second, ``(n_rows, 2)``.
    """

    slope: float
    intercept: float
    of_line: Floats
    of_intercept: Floats

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """``calibration_slope`` and ``calibration_intercept``, for so many copies of each row."""
        slope, intercept = self.slope, self.intercept
        if copies is not None:
            slope += _step(np.einsum("n,nk->k", copies, self.of_line))[1]
            gradient, curvature = np.einsum("n,nk->k", copies, self.of_intercept)
            intercept += gradient / curvature if curvature > 0 else np.nan
        return {"calibration_slope": float(slope), "calibration_intercept": float(intercept)}


def calibration_line(
    happened: NDArray[np.bool_], risk: Floats, weight: Floats
) -> CalibrationLine:
    """Fit both to rows of these weights."""
    x = _logit(risk)
    line = fitted_line(happened, x, weight, slope=True)
    shift, _ = fitted_line(happened, x, weight, slope=False)
    return CalibrationLine(
        slope=line[1],
        intercept=shift,
        of_line=_sums(happened, x, weight, *line),
        of_intercept=_sums(happened, x, weight, shift, 1.0)[:, (0, 2)],
    )


def logistic_line(
    happened: NDArray[np.bool_], risk: Floats, weight: Floats
) -> tuple[float, float]:
    """Intercept and slope of the regression of the event on the logit of the risk; nan where there is none."""
    return fitted_line(happened, _logit(risk), weight, slope=True)


def _logit(risk: Floats) -> Floats:
    risk = np.clip(risk, LEAST_RISK, 1.0 - LEAST_RISK)
    logit: Floats = np.log(risk) - np.log1p(-risk)
    return logit


def fitted_line(
    happened: NDArray[np.bool_], x: Floats, weight: Floats, *, slope: bool
) -> tuple[float, float]:
    """Intercept and slope, or the intercept with a slope of 1; nan where there is none, as for one class.

    Newton's method, halving a step that makes the likelihood smaller.
    """
    total, events = float(weight.sum()), float(weight @ happened)
    if not 0 < events < total:
        return float("nan"), float("nan")
    at = (float(np.log(events / (total - events))), 0.0) if slope else (0.0, 1.0)
    loss = _loss(happened, x, weight, at)
    for _ in range(STEPS):
        step = _step(_sums(happened, x, weight, *at).sum(axis=0), slope=slope)
        if np.isnan(step).any():
            break
        new, lower = _improved(happened, x, weight, at, step, loss)
        done, at, loss = loss - lower <= TOLERANCE * total, new, lower
        if done and max(map(abs, at)) < LARGEST:
            return at
    return float("nan"), float("nan")


def _improved(
    happened: NDArray[np.bool_],
    x: Floats,
    weight: Floats,
    at: tuple[float, float],
    step: tuple[float, float],
    loss: float,
) -> tuple[tuple[float, float], float]:
    """The first of a step, its half, ... that is not worse, and its loss."""
    for share in HALVES:
        new = at[0] + share * step[0], at[1] + share * step[1]
        found = _loss(happened, x, weight, new)
        if found <= loss:
            return new, found
    return at, loss  # rounding is all that is left


def _loss(
    happened: NDArray[np.bool_], x: Floats, weight: Floats, at: tuple[float, float]
) -> float:
    """Negative log-likelihood."""
    z = at[0] + at[1] * x
    return float(weight @ np.logaddexp(0.0, np.where(happened, -z, z)))


def _sums(happened: NDArray[np.bool_], x: Floats, weight: Floats, a: float, b: float) -> Floats:
    """Terms of the gradient and the negative Hessian of each row, ``(n_rows, 5)``."""
    chance = 1.0 / (1.0 + np.exp(-np.clip(a + b * x, -700, 700)))
    error, spread = weight * (happened - chance), weight * chance * (1.0 - chance)
    return np.column_stack([error, error * x, spread, spread * x, spread * x * x])


def _step(sums: Floats, *, slope: bool = True) -> tuple[float, float]:
    """Newton's step for the intercept and the slope, or for the intercept alone."""
    g0, g1, h00, h01, h11 = map(float, sums)
    if not slope:
        return float(np.clip(g0 / h00, -LONGEST, LONGEST)) if h00 > 0 else np.sign(g0), 0.0
    determinant = h00 * h11 - h01 * h01
    if not determinant > RANK * h00 * h11:
        return float("nan"), float("nan")
    return (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
