"""Evaluating a model of when an event happens.

Promise: rows that were lost from sight before an event count as far as they go, by weights from the training rows;
    horizons beyond follow-up are left out and named; a network of dense layers is scored without TensorFlow.
Not here: the metrics (``pipelines/stages/evaluate/times/``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import TrainingError
from pipelines.shared.pages.plots import Plot
from pipelines.shared.pages.small_cells import shown_count
from pipelines.shared.scoring.dense import is_plain, open_scorer
from pipelines.shared.scoring.survival import survival_of_members
from pipelines.spec import Survival
from pipelines.stages.evaluate.decision_curve import decision_curve
from pipelines.stages.evaluate.heads.from_graph import GraphEvaluation
from pipelines.stages.evaluate.heads.protocol import (
    Arrays,
    MetricText,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.times.dynamic_auc import dynamic_auc
from pipelines.stages.evaluate.times.follow_up import FollowUp, exact, follow_up, status_at
from pipelines.stages.evaluate.times.horizons import Horizons, horizons
from pipelines.stages.evaluate.times.measured import MeasuredTimes, measured_times
from pipelines.stages.evaluate.times.observed import by_risk, incidence_table
from pipelines.stages.evaluate.times.plots import plots_of_times


class SurvivalEvaluation(GraphEvaluation[Survival]):
    """How models of a time are evaluated."""

    meanings: ClassVar[Mapping[str, str]] = {
        "concordance": "Chance that of two rows the one with the earlier event has the higher risk (Harrell).",
        "uno_c": "The same, whatever the censoring (Uno).",
        "ibs": "Brier score, integrated over the cuts; less is better.",
        "auc": "Chance that a row with the event by then has the higher risk.",
        "brier": "Squared error of the risk by then; less is better.",
        "calibration_slope": "1 is right; below, risks are too extreme.",
        "calibration_intercept": "0 is right; above, risks are too low.",
    }

    def require(self, rows: TestRows, yardstick: Yardstick, work: str) -> None:
        """Check that rows were followed to a cut of the head."""
        found = self._horizons(rows, yardstick)
        if not found.cuts:
            raise TrainingError(
                f"{work}: training and test rows were followed for {found.followed_days:g} days at most, and the first "
                f"of head.cuts_days is {self.head.cuts_days[0]:g}. Declare earlier cuts, or a split whose rows were "
                f"followed for longer."
            )
        if not (_of(rows).event & (_of(rows).days <= found.last_days)).any():
            raise TrainingError(
                f"{work}: none of the {int(rows.counted.sum()):,} test rows has the event within {found.last_days:g} "
                f"days, so nothing can be evaluated. Widen split.test_days, or check the label."
            )

    def predict(self, model: Path, inputs: Arrays) -> Predictions:
        """``survival`` and ``score``, in plain NumPy where that can be."""
        if not is_plain(model):
            return super().predict(model, inputs)
        return survival_of_members(open_scorer(model).outputs(inputs["x"]), self.head)

    def measured(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> MeasuredTimes:
        """Arrange predictions of the rows that count."""
        here = rows.counted
        _, index = np.unique(rows.entity[here], return_inverse=True)
        survival = predictions["survival"][here]
        if survival.shape[1] != len(self.head.cuts_days):
            raise KeyError("head.cuts_days")
        found = self._horizons(rows, yardstick)
        return measured_times(_of(rows), survival, predictions["score"][here], found, index)

    def facts(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> dict[str, Any]:
        """Follow-up, and predicted beside observed risks."""
        found, tested = self._horizons(rows, yardstick), _of(rows)
        survival = predictions["survival"][rows.counted].astype(np.float64)
        return {
            "follow_up": {
                "followed_days": found.followed_days,
                "beyond_days": list(found.beyond),
                "least_chance_in_sight": float(
                    found.chance.before(np.array([found.last_days]))[0]
                ),
                "events": int(tested.event.sum()),
                "competing": int(tested.competing.sum()),
                "censored": int(tested.censored.sum()),
            },
            "incidence": incidence_table(tested, survival, found),
            "auc_by_cut": _aucs(tested, survival, found),
            "decision_curves": [
                {"days": cut, "curve": _decision(tested, 1.0 - survival[:, n], cut, found)}
                for n, cut in found.own
            ],
            "calibration_by_horizon": [
                {"days": cut, "groups": by_risk(tested, 1.0 - survival[:, n], cut)}
                for n, cut in found.own
            ],
        }

    def plots(self, evaluated: Mapping[str, Any], scores: Path) -> list[Plot]:
        """Of incidence and AUC over time, and of each horizon."""
        del scores
        return plots_of_times(evaluated)

    def card_facts(self, evaluated: Mapping[str, Any]) -> list[tuple[str, str]]:
        """How rows ended, and how far they were followed."""
        ends = evaluated["follow_up"]
        beyond = ", ".join(f"{days:g}" for days in ends["beyond_days"])
        return [
            ("events", shown_count(ends["events"])),
            ("ended by a competing event", shown_count(ends["competing"])),
            ("censored", shown_count(ends["censored"])),
            ("followed for", f"{ends['followed_days']:g} days at most"),
            *([("cuts beyond follow-up, left out", f"{beyond} days")] if beyond else []),
        ]

    def texts(self, evaluated: Mapping[str, Any]) -> Mapping[str, MetricText]:
        """Every metric; those of a horizon with its days."""
        return {name: self._text(name) for name in evaluated["metrics"]}

    def _text(self, name: str) -> MetricText:
        kind, _, days = name.rpartition("_")
        if kind not in self.meanings:
            return MetricText(TITLES[name], self.meanings[name])
        return MetricText(f"{TITLES[kind]}, {days.removesuffix('d')} days", self.meanings[kind])

    def _horizons(self, rows: TestRows, yardstick: Yardstick) -> Horizons:
        training = follow_up(yardstick.training_labels)
        declared = yardstick.evaluation.horizons_days
        # Of every row with a label, so that a subgroup has the same horizons.
        return horizons(
            self.head.cuts_days, declared, training, _follow_up_of(rows, rows.labelled)
        )


TITLES: Mapping[str, str] = {
    "concordance": "Concordance",
    "uno_c": "Uno's C",
    "ibs": "Integrated Brier score",
    "auc": "AUC",
    "brier": "Brier score",
    "calibration_slope": "Calibration slope",
    "calibration_intercept": "Calibration intercept",
}


def _aucs(
    tested: FollowUp, survival: NDArray[np.float64], found: Horizons
) -> list[dict[str, float]]:
    """The AUC at each cut at which it is defined."""
    ones, table = np.ones(len(survival)), []
    for n, cut in found.cuts:
        status = status_at(tested, exact(cut), found.chance)
        value = dynamic_auc(status, 1.0 - survival[:, n]).value(ones)
        if np.isfinite(value):
            table.append({"days": cut, "auc": value})
    return table


def _decision(
    tested: FollowUp, risk: NDArray[np.float64], cut: float, found: Horizons
) -> list[dict[str, float]]:
    status = status_at(tested, exact(cut), found.chance)
    case, control = status.case * status.weight, status.control * status.weight
    return decision_curve(case, control, risk)


def _of(rows: TestRows) -> FollowUp:
    return _follow_up_of(rows, rows.counted)


def _follow_up_of(rows: TestRows, here: NDArray[np.bool_]) -> FollowUp:
    labels = np.column_stack([rows.labels[here], rows.competing[here]])
    return follow_up(labels)
