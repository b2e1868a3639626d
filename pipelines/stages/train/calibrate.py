"""From scores to probabilities: fitted to held-out rows, and used only where that helps.

Why: a network that is trained long, by weighted classes or by the focal loss ranks rows well and is over-confident, and
    a threshold by costs needs probabilities.
Promise: the same rows give the same bytes; of ``none``, ``platt`` and ``isotonic`` each more flexible one is taken only
    if its log-loss on rows that it was not fitted to, entities apart, is lower by more than two standard errors.
Not here: applying one (``pipelines/shared/scoring/decision.py``, ``served_probability.py``).
Source: J. Platt, "Probabilistic outputs for support vector machines", 1999; B. Zadrozny and C. Elkan, "Transforming
    classifier scores into accurate multiclass probability estimates", KDD 2002; A. Niculescu-Mizil and R. Caruana,
    "Predicting good probabilities with supervised learning", ICML 2005.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.calibration_line import logistic_line
from pipelines.shared.metrics.probabilities import log_losses
from pipelines.shared.scoring.decision import ISOTONIC, NONE, PLATT, Calibration
from pipelines.stages.train.held_out_rows import HeldOutRows

FOLDS, LEAST_OF_A_CLASS, ERRORS = 5, 20, 2.0
# Rise of the probability by a rise of the score: single precision has 6e-8 of a score near 1.
STEEPEST = 1000.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChosenCalibration:
    """A calibration, and why it is this one."""

    calibration: Calibration
    reason: str


def chosen_calibration(rows: HeldOutRows, asked: str) -> ChosenCalibration:
    """Fit what is asked for; of ``auto`` what helps.

    Args:
        rows: Held-out rows.
        asked: ``auto``, ``none``, ``platt`` or ``isotonic``.
    """
    if asked == NONE:
        return ChosenCalibration(Calibration(), "training.calibration='none'.")
    events = int(rows.happened.sum())
    if min(events, len(rows.happened) - events) < LEAST_OF_A_CLASS:
        return ChosenCalibration(
            Calibration(),
            f"{events:,} of the {len(rows.happened):,} validation rows have the event; a calibration needs "
            f"{LEAST_OF_A_CLASS} with it and as many without. Raise split.validation_days.",
        )
    return _chosen(rows) if asked == "auto" else _as_asked(rows, asked)


def _as_asked(rows: HeldOutRows, kind: str) -> ChosenCalibration:
    fitted = FITS[kind](rows.score, rows.happened, rows.weight)
    if fitted is None:
        reason = f"training.calibration={kind!r} cannot be fitted: {UNFITTED[kind]}"
        return ChosenCalibration(Calibration(), reason)
    return ChosenCalibration(fitted, f"training.calibration={kind!r}.")


def _chosen(rows: HeldOutRows) -> ChosenCalibration:
    """Try one after the other, the more flexible last."""
    kind, fold = NONE, _folds(rows.entity)
    losses = {NONE: log_losses(rows.happened, rows.score)}
    reasons = []
    for candidate in (PLATT, ISOTONIC):
        found = _cross_fitted(rows, candidate, fold)
        if found is None:
            reasons.append(f"{candidate} cannot be fitted: {UNFITTED[candidate]}")
            continue
        losses[candidate] = log_losses(rows.happened, found)
        gain, error = _gain(losses[kind] - losses[candidate], rows)
        helps = gain > ERRORS * error
        reasons.append(
            _compared(candidate, kind, losses, rows.weight, gain, error, helps=helps)
        )
        kind = candidate if helps else kind
    fitted = None if kind == NONE else FITS[kind](rows.score, rows.happened, rows.weight)
    return ChosenCalibration(fitted or Calibration(), " ".join(reasons))


def _compared(
    candidate: str,
    than: str,
    losses: Mapping[str, Floats],
    weight: Floats,
    gain: float,
    error: float,
    *,
    helps: bool,
) -> str:
    own, before = (float(np.average(losses[n], weights=weight)) for n in (candidate, than))
    return (
        f"{candidate} {'helps' if helps else 'does not help'}: log-loss on rows it was not fitted to {own:.5f}, "
        f"{'without calibration' if than == NONE else f'with {than}'} {before:.5f}; the gain of {gain:.5f} is "
        f"{'above' if helps else 'not above'} {ERRORS:g} standard errors of {error:.5f}."
    )


def _folds(entity: NDArray[np.int64]) -> NDArray[np.int64]:
    """The fold of each row: those of an entity are in one."""
    names, index = np.unique(entity, return_inverse=True)
    order = np.random.Generator(np.random.Philox(key=[FOLDS, 0])).permutation(len(names))
    folds: NDArray[np.int64] = order[index] % FOLDS
    return folds


def _cross_fitted(
    rows: HeldOutRows, kind: str, fold: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """Probabilities of each fold's rows by a fit to all others; None where one cannot be fitted."""
    found = np.empty_like(rows.score)
    for n in range(FOLDS):
        here = fold == n
        fitted = FITS[kind](rows.score[~here], rows.happened[~here], rows.weight[~here])
        if fitted is None:
            return None
        found[here] = fitted.probability(rows.score[here])
    return found


def _gain(less: Floats, rows: HeldOutRows) -> tuple[float, float]:
    """Mean of a loss's fall, and its standard error; an entity's rows are one observation."""
    total = float(rows.weight.sum())
    gain = float(rows.weight @ less) / total
    _, index = np.unique(rows.entity, return_inverse=True)
    sums = np.bincount(index, rows.weight * (less - gain))
    count = len(sums)
    if count < 2:  # noqa: PLR2004  one entity says nothing of others
        return gain, math.inf
    return gain, float(np.sqrt((sums @ sums) * count / (count - 1))) / total


def platt(
    score: NDArray[np.float32], happened: NDArray[np.bool_], weight: Floats
) -> Calibration | None:
    """The logistic regression of the event on the logit of the score; None where the slope is not above 0."""
    intercept, slope = logistic_line(happened, score.astype(np.float64), weight)
    return Calibration(PLATT, slope=slope, intercept=intercept) if slope > 0 else None


def isotonic(
    score: NDArray[np.float32], happened: NDArray[np.bool_], weight: Floats
) -> Calibration | None:
    """The rising steps that fit best, joined by lines from middle to middle; None where there is one step alone.

    Lines keep the order of rows that a step would make equal, and no digit of a score moves a probability far: steps
    that are steeper than ``STEEPEST`` are joined. So many rows cannot show that the event is impossible, or certain:
    probabilities stay one row in all (rule of succession) away from 0 and from 1.

    Source: A. P. Oron and N. Flournoy, "Centered isotonic regression: point and interval estimation for dose-response
        studies", Statistics in Biopharmaceutical Research 9, 2017.
    """
    from sklearn.isotonic import IsotonicRegression

    some = weight > 0
    happened, weight, x = happened[some], weight[some], score[some].astype(np.float64)
    least = 1.0 / (float(weight.sum()) + 2.0)
    fit = IsotonicRegression(y_min=least, y_max=1.0 - least, out_of_bounds="clip")
    fitted = fit.fit(x, happened.astype(np.float64), sample_weight=weight).predict(x)
    levels, step = np.unique(fitted, return_inverse=True)
    mass = np.bincount(step, weight)
    middles = np.bincount(step, weight * x) / mass
    points = _joined([*zip(middles.tolist(), levels.tolist(), mass.tolist(), strict=True)])
    if len(points) < 2:  # noqa: PLR2004  nothing to interpolate between
        return None
    return Calibration(ISOTONIC, x=tuple(p[0] for p in points), y=tuple(p[1] for p in points))


def _joined(steps: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Steps as middle, level and weight; those between which a line would be too steep as one."""
    found: list[tuple[float, float, float]] = []
    for step in steps:
        last = step
        while found and last[1] - found[-1][1] > STEEPEST * (last[0] - found[-1][0]):
            before = found.pop()
            share = before[2] / (before[2] + last[2])
            x, y = (share * before[n] + (1.0 - share) * last[n] for n in (0, 1))
            last = (x, y, before[2] + last[2])
        found.append(last)
    return found


FITS: Mapping[
    str, Callable[[NDArray[np.float32], NDArray[np.bool_], Floats], Calibration | None]
] = {PLATT: platt, ISOTONIC: isotonic}
UNFITTED = {
    PLATT: "the event is not likelier where the score is higher, or the score separates it without error.",
    ISOTONIC: "the event is not likelier where the score is higher.",
}
