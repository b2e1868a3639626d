"""Metrics that are means over rows: of amounts, classes and grades.

Why: rows may be weighted, so that a resample of entities is a vector of copies.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_CHANCE = 1e-7
HALF = 0.5


@dataclass(frozen=True, slots=True)
class RowTerms:
    """One model's predictions, with each metric as terms that a resample only weights.

    Attributes:
        means: By metric, the term of each row.
        entity_index: Index of each row's entity among all, ``(n_rows,)``.
        roots: Metrics that are the root of their mean.
    """

    means: Mapping[str, Floats]
    entity_index: NDArray[np.int64]
    roots: tuple[str, ...] = ()

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Every metric, for so many copies of each entity."""
        index = self.entity_index
        weight = np.ones(len(index)) if copies is None else copies[index]
        found = {}
        for name, term in self.means.items():
            value = _mean(term, weight)
            found[name] = float(np.sqrt(value)) if name in self.roots else value
        return found


def _mean(term: Floats, weight: Floats) -> float:
    total = weight.sum()
    return float((term * weight).sum() / total) if total > 0 else float("nan")


def amount_terms(labels: Floats, score: Floats, entity_index: NDArray[np.int64]) -> RowTerms:
    """Squared and absolute errors of predicted amounts ``(n_rows,)``."""
    error = score - labels
    means = {"rmse": error**2, "mae": np.abs(error)}
    return RowTerms(means, entity_index, roots=("rmse",))


def class_terms(labels: Floats, chance: Floats, entity_index: NDArray[np.int64]) -> RowTerms:
    """Log loss and accuracy of the chances of classes ``(n_rows, n_classes)``."""
    right = (chance.argmax(axis=1) == labels).astype(float)
    return RowTerms({"log_loss": log_loss(labels, chance), "accuracy": right}, entity_index)


def grade_terms(labels: Floats, chance: Floats, entity_index: NDArray[np.int64]) -> RowTerms:
    """Metrics of the chances of grades ``(n_rows, n_grades)``.

    The predicted grade is the number of thresholds passed with a chance of a half or more.
    """
    above = 1.0 - np.cumsum(chance, axis=1)[:, :-1]
    grade = (above > HALF).sum(axis=1)
    means = {
        "rank_mae": np.abs(grade - labels),
        "log_loss": log_loss(labels, chance),
        "accuracy": (grade == labels).astype(float),
    }
    return RowTerms(means, entity_index)


def log_loss(labels: Floats, chance: Floats) -> Floats:
    """Negative log of the chance ``(n_rows, n_classes)`` of each row's own class."""
    own = chance[np.arange(len(labels)), labels.astype(np.int64)]
    loss: Floats = -np.log(np.maximum(own, LEAST_CHANCE))
    return loss
