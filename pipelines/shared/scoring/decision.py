"""From a score to a probability and a decision, as a model's folder says.

Why: whoever evaluates, scores a day or settles it must decide over one row alike.
Promise: a probability is computed in float64 from the float32 score and rounded once, as the served
    graph does, and never falls where the score rises; a model without ``decision.json`` has the score as its
    probability.
Not here: fitting and choosing (``pipelines/stages/train/decide.py``), the graph
    (``pipelines/stages/train/served_probability.py``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.shared.scoring.dense import sigmoid

DECISION = "decision.json"
NONE, PLATT, ISOTONIC = KINDS = ("none", "platt", "isotonic")
"""How a score becomes a probability."""
# Beyond it single precision has no more of a score.
LEAST_SCORE = 1e-7

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a score becomes a probability.

    Attributes:
        kind: ``none``, ``platt`` or ``isotonic``.
        slope: Of ``platt``: ``sigmoid(slope * logit(score) + intercept)``.
        intercept: Of ``platt``.
        x: Of ``isotonic``: scores, ascending, between which probabilities are interpolated.
        y: Their probabilities, none below the one before.
    """

    kind: str = NONE
    slope: float = 1.0
    intercept: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def probability(self, score: NDArray[np.floating]) -> NDArray[np.float32]:
        """The probability of the event of rows with these scores, ``(n_rows,)``."""
        if self.kind == NONE:
            return np.asarray(score, np.float32)
        values = np.asarray(score, np.float32).astype(np.float64)
        found = self._sigmoid(values) if self.kind == PLATT else self._between(values)
        return found.astype(np.float32)

    def _sigmoid(self, score: Floats) -> Floats:
        score = np.clip(score, LEAST_SCORE, 1.0 - LEAST_SCORE)
        return sigmoid(self.slope * np.log(score / (1.0 - score)) + self.intercept)

    def _between(self, score: Floats) -> Floats:
        x, y = np.asarray(self.x), np.asarray(self.y)
        score = np.clip(score, x[0], x[-1])
        at = np.clip(np.searchsorted(x, score, side="right") - 1, 0, len(x) - 2)
        share = (score - x[at]) / (x[at + 1] - x[at])
        # Rounding may pass the upper end by a digit.
        between: Floats = np.minimum(y[at] + share * (y[at + 1] - y[at]), y[at + 1])
        return between

    def settings(self) -> dict[str, Any]:
        """As ``decision.json`` has it."""
        of_kind: dict[str, dict[str, Any]] = {
            NONE: {},
            PLATT: {"slope": self.slope, "intercept": self.intercept},
            ISOTONIC: {"x": list(self.x), "y": list(self.y)},
        }
        return {"kind": self.kind, **of_kind[self.kind]}


@dataclass(frozen=True, slots=True)
class Decision:
    """How a model's score becomes a probability, and the probability a decision.

    Attributes:
        calibration: From score to probability.
        threshold: Probability from which a decision is positive; None where nothing says one.
        threshold_from: ``costs``, ``declared``, ``alerts``, or ``none``.
        reason: Why the calibration is what it is.
    """

    calibration: Calibration = Calibration()
    threshold: float | None = None
    threshold_from: str = NONE
    reason: str = ""

    def probability(self, score: NDArray[np.floating]) -> NDArray[np.float32]:
        """The probability of the event of rows with these scores, ``(n_rows,)``."""
        return self.calibration.probability(score)

    def decides(self, probability: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each row's decision is positive; of none where there is no threshold."""
        if self.threshold is None:
            return np.zeros(np.shape(probability), np.bool_)
        return np.asarray(probability, np.float64) >= self.threshold


def read_decision(model: Path) -> Decision:
    """Read what a published model's folder says; nothing is calibrated where it has no such file.

    Raises:
        ArtifactError: The file is not one that training wrote.
    """
    path = model / DECISION
    if not path.exists():
        return Decision()
    try:
        return _decision(json.loads(path.read_text()))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Train the model again, or restore the file."
        ) from error


def _decision(written: Mapping[str, Any]) -> Decision:
    fitted = written["calibration"]
    calibration = Calibration(
        fitted["kind"],
        float(fitted.get("slope", 1.0)),
        float(fitted.get("intercept", 0.0)),
        tuple(map(float, fitted.get("x", ()))),
        tuple(map(float, fitted.get("y", ()))),
    )
    _require_usable(calibration)
    threshold = written["threshold"]
    return Decision(
        calibration,
        None if threshold is None else float(threshold),
        written["threshold_from"],
        written.get("reason", ""),
    )


def _require_usable(calibration: Calibration) -> None:
    if calibration.kind not in KINDS:
        raise ValueError(f"calibration {calibration.kind!r}; known: {', '.join(KINDS)}")
    if calibration.kind == ISOTONIC:
        x, y = np.asarray(calibration.x), np.asarray(calibration.y)
        if len(x) != len(y) or len(x) < 2 or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any():  # noqa: PLR2004
            raise ValueError("its points do not ascend, or are fewer than two")


def write_decision(model: Path, decision: Decision) -> None:
    """Write it into a model's folder."""
    written = {
        "calibration": decision.calibration.settings(),
        "threshold": decision.threshold,
        "threshold_from": decision.threshold_from,
        "reason": decision.reason,
    }
    (model / DECISION).write_text(json.dumps(written, indent=1) + "\n")
