"""How good probabilities are: Brier score, log-loss, calibration error, reliability.

Why: ranking says which row to look at first; a cost, a risk or an estimate without labels needs the probability itself.
Promise: rows may be weighed; bins have the same rows in every resample, so that an interval is of the error alone.
Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950;
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI 2015, of the expected calibration error, here over bins of equal numbers of rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 15
# As far from 0 and from 1 as single precision can say: one row must not make a mean infinite.
LEAST = 1e-7


def log_losses(happened: NDArray[np.bool_], probability: NDArray[np.floating]) -> Floats:
    """The logarithmic loss of each row, ``(n_rows,)``."""
    p = np.clip(probability.astype(np.float64), LEAST, 1.0 - LEAST)
    losses: Floats = -np.log(np.where(happened, p, 1.0 - p))
    return losses


@dataclass(frozen=True, slots=True)
class MeasuredProbabilities:
    """Probabilities of some rows, arranged for their metrics.

    Attributes:
        losses: Squared error and logarithmic loss of each row, ``(2, n_rows)``.
        excess: How much each probability is above what happened, ``(n_rows,)``.
        bin: Bin of each row, ``(n_rows,)``.
        bins: Number of bins.
    """

    losses: Floats
    excess: Floats
    bin: NDArray[np.int64]
    bins: int

    @classmethod
    def of(
        cls, happened: NDArray[np.bool_], probability: NDArray[np.floating]
    ) -> "MeasuredProbabilities":
        """Arrange the rows."""
        excess = probability.astype(np.float64) - happened
        bins = equal_bins(probability)
        losses = np.stack([excess**2, log_losses(happened, probability)])
        return cls(losses, excess, bins, int(bins.max(initial=0)) + 1)

    def metrics(self, weight: Floats) -> dict[str, float]:
        """``brier``, ``log_loss`` and ``calibration_error`` of rows of these weights."""
        total = float(weight.sum())
        if not total > 0:
            return dict.fromkeys(("brier", "log_loss", "calibration_error"), float("nan"))
        brier, log_loss = (self.losses @ weight) / total
        off = np.bincount(self.bin, weight * self.excess, minlength=self.bins)
        error = float(np.abs(off).sum()) / total
        return {"brier": float(brier), "log_loss": float(log_loss), "calibration_error": error}


def equal_bins(probability: NDArray[np.floating]) -> NDArray[np.int64]:
    """The bin of each row, of up to ``BINS`` with about as many rows each; equal probabilities share one."""
    if not len(probability):
        return np.zeros(0, np.int64)
    ordered = np.sort(probability)
    edges = np.unique(ordered[[len(ordered) * n // BINS for n in range(1, BINS)]])
    bins: NDArray[np.int64] = np.searchsorted(edges, probability, side="right").astype(np.int64)
    return bins


def reliability(
    happened: NDArray[np.bool_], probability: NDArray[np.floating], weight: Floats
) -> list[dict[str, Any]]:
    """Of each bin the mean probability, the share of events and the rows."""
    bins = equal_bins(probability)
    table = []
    for n in np.unique(bins[weight > 0]):
        here = bins == n
        mean, share = (
            float(np.average(each[here].astype(np.float64), weights=weight[here]))
            for each in (probability, happened)
        )
        table.append({"rows": int(here.sum()), "mean": mean, "share": share})
    return table
