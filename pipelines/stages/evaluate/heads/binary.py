"""Evaluating a model of an event: ranking, daily alerts, calibration.

Why: the verdict, the table and every plot must come from the same scores.
Promise: rows of entities that were known already, and rows without a label, are scored and not
    counted; a network of dense layers is scored without TensorFlow.
Not here: the metrics (``pipelines/shared/metrics/ranking.py``), drawing the plots
    (``pipelines/stages/evaluate/figures.py``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.core.errors import TrainingError
from pipelines.shared.metrics.calibration_line import CalibrationLine, calibration_line
from pipelines.shared.metrics.probabilities import MeasuredProbabilities
from pipelines.shared.metrics.ranking import (
    EntityDays,
    Ranking,
    alert_precision,
    average_precision,
    calibration,
    curve,
    entity_days,
    ranking,
    roc_auc,
)
from pipelines.shared.pages.plots import Plot
from pipelines.shared.scoring.dense import is_plain, open_scorer
from pipelines.shared.scoring.graph import open_graph
from pipelines.shared.scoring.served import open_served
from pipelines.spec import Binary, Pipeline
from pipelines.spec.heads import COST
from pipelines.stages.evaluate.decision_curve import decision_curve, decision_plot
from pipelines.stages.evaluate.decision_figures import decision_plots
from pipelines.stages.evaluate.decisions import costs_a_day, decided, probability_of
from pipelines.stages.evaluate.figures import (
    calibration_plot,
    precision_recall_plot,
    roc_plot,
    score_plot,
)
from pipelines.stages.evaluate.heads.protocol import (
    Arrays,
    Floats,
    MetricText,
    Predictions,
    ReadRaw,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.scores import read_scores, scores_table

CHAMPION_SCORE = "champion_score"
METRICS = ("auc", "average_precision", "alert_precision")


@dataclass(frozen=True, slots=True)
class MeasuredScores:
    """One model's scores, arranged for every metric.

    Attributes:
        ranked: Rows by falling score.
        days: Entities by day and falling score.
        entity_index: Index of each row's entity among all, ``(n_rows,)``.
        alerts_per_day: Entities looked at in a day.
        line: Calibration of the probabilities.
        probabilities: The probabilities.
        row_weight: Weight of each row; None where all count alike. Alerts are not weighed.
        cost: What the decision over each row costs, as a share of a day's; None without costs.
    """

    ranked: Ranking
    days: EntityDays
    entity_index: NDArray[np.int64]
    alerts_per_day: int
    line: CalibrationLine
    probabilities: MeasuredProbabilities
    row_weight: Floats | None = None
    cost: Floats | None = None

    def metrics(self, copies: Floats | None = None) -> dict[str, float]:
        """Every headline metric, for so many copies of each entity."""
        weight = None if copies is None else copies[self.entity_index]
        if self.row_weight is not None:
            weight = self.row_weight if weight is None else weight * self.row_weight
        true, false = curve(self.ranked, weight)
        values = (
            roc_auc(true, false),
            average_precision(true, false),
            alert_precision(self.days, self.alerts_per_day, copies),
        )
        of_line = None if copies is None else copies[self.entity_index]
        each = np.ones(len(self.entity_index)) if weight is None else weight
        return {
            **dict(zip(METRICS, values, strict=True)),
            **self.line.metrics(of_line),
            **self.probabilities.metrics(each),
            **({} if self.cost is None else {COST: float(each @ self.cost)}),
        }


@dataclass(frozen=True, slots=True)
class BinaryEvaluation:
    """How models of an event are evaluated."""

    head: Binary
    leaves_out_known: bool = True

    def require(self, rows: TestRows, yardstick: Yardstick, work: str) -> None:
        """Check that the rows that count have both classes."""
        del yardstick
        counted, events = int(rows.counted.sum()), int(rows.events[rows.counted].sum())
        if events in {0, counted}:
            raise TrainingError(
                f"{work}: {events} of the {counted} test rows that count have label 1. "
                f"Both classes are needed to evaluate a model: widen split.test_days."
            )

    def predict(self, model: Path, inputs: Arrays) -> Predictions:
        """``score``, in plain NumPy where that can be, its ``probability`` and whether it is an ``alert``."""
        if is_plain(model):
            return decided(model, open_scorer(model).score(inputs["x"]))
        return decided(model, open_graph(model).of_arrays(inputs)["score"])

    def predict_served(self, model: Path, read: ReadRaw) -> Predictions:
        """The same of raw rows, prepared by the model's own fitted program."""
        served = open_served(model, self.head)
        return decided(model, served.predict(read(served.kinds))["score"])

    def measured(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> MeasuredScores:
        """Arrange the scores of the rows that count."""
        here = rows.counted
        y, entity, scores = rows.events[here], rows.entity[here], predictions["score"][here]
        _, index = np.unique(entity, return_inverse=True)
        days = entity_days(rows.day[here], entity, y, scores)
        weight, probability = rows.weight[here], probability_of(predictions)[here]
        return MeasuredScores(
            ranking(y, scores),
            days,
            index,
            yardstick.evaluation.alerts_per_day,
            calibration_line(y, probability.astype(np.float64), weight),
            MeasuredProbabilities.of(y, probability),
            None if (weight == 1).all() else weight,
            costs_a_day(rows, predictions, yardstick.evaluation.costs),
        )

    def facts(
        self, rows: TestRows, predictions: Predictions, yardstick: Yardstick
    ) -> dict[str, Any]:
        """Rows by class, alerts, and whether scores are probabilities."""
        state, here = (
            json.loads((yardstick.training_set / "state.json").read_text()),
            rows.counted,
        )
        return {
            "features": state["features"],
            "training_rows": state["rows"],
            "training_positives": state["positives"],
            "positives": int(rows.events[here].sum()),
            "removed": int((rows.labelled & ~here).sum()),
            "alerts_per_day": yardstick.evaluation.alerts_per_day,
            "calibration": calibration(
                rows.events[here], probability_of(predictions)[here], rows.weight[here]
            ),
            "decision_curve": decision_curve(
                rows.events[here] * rows.weight[here],
                ~rows.events[here] * rows.weight[here],
                probability_of(predictions)[here].astype(np.float64),
            ),
        }

    def scores(
        self, rows: TestRows, own: Predictions, champion: Predictions | None, pipeline: Pipeline
    ) -> pa.Table:
        """Of every test row; ``counted`` marks those that the metrics are made from."""
        names = {n: date.fromordinal(int(n)).isoformat() for n in np.unique(rows.day)}
        columns = {
            "day": pa.array([names[n] for n in rows.day], pa.string()),
            "label": pa.array(rows.events.astype(np.int64), mask=~rows.labelled),
            "score": pa.array(own["score"]),
            "counted": pa.array(rows.counted),
        }
        if champion is not None:
            columns[CHAMPION_SCORE] = pa.array(champion["score"])
        return scores_table(rows.keys.drop_columns([pipeline.table.time_column]), columns)

    def texts(self, evaluated: Mapping[str, Any]) -> Mapping[str, MetricText]:
        """ROC AUC, average precision, and what a team that looks at alerts would find."""
        alerts, entity = evaluated["alerts_per_day"], evaluated["alert_entity"]
        return {
            "auc": MetricText(
                "ROC AUC", "Chance that an event scores above a row without one."
            ),
            "average_precision": MetricText(
                "Average precision", "Precision, averaged over the events found."
            ),
            "alert_precision": MetricText(
                "Precision of daily alerts",
                f"Entities with the event among the {alerts} looked at each day ({entity}).",
            ),
            "calibration_slope": MetricText(
                "Calibration slope", "1 is right; below, scores are too extreme."
            ),
            "calibration_intercept": MetricText(
                "Calibration intercept", "0 is right; above, scores are too low."
            ),
            "brier": MetricText("Brier score", "Mean squared error of the probabilities."),
            "log_loss": MetricText(
                "Log-loss", "Mean cross-entropy of the probabilities, in nats."
            ),
            "calibration_error": MetricText(
                "Calibration error",
                "Mean distance of probabilities from what happened, among rows alike.",
            ),
            COST: MetricText(
                "Cost per day",
                "Of missed events, false alerts and the work on alerts, at the model's threshold.",
            ),
        }

    def plots(self, evaluated: Mapping[str, Any], scores: Path) -> list[Plot]:
        """Curves of the model and the champion, scores by class, calibration."""
        read = read_scores(scores, ("label", "score", "counted", CHAMPION_SCORE))
        counted = {name: values[read["counted"]] for name, values in read.items()}
        y = counted["label"] > 0
        own = ranking(y, counted["score"])
        theirs = ranking(y, counted[CHAMPION_SCORE]) if CHAMPION_SCORE in counted else None
        return [
            roc_plot(own, theirs),
            precision_recall_plot(own, theirs, evaluated["positives"] / evaluated["rows"]),
            score_plot(y, counted["score"]),
            calibration_plot(evaluated["calibration"]),
            decision_plot(evaluated["decision_curve"], "Decision curve"),
            *decision_plots(evaluated.get("decision")),
        ]

    def card_facts(self, evaluated: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Events among the rows, rows left out, features."""
        training = f"{evaluated['training_rows']:,}"
        return [
            ("events", f"{evaluated['positives']:,}"),
            (
                "rows left out",
                f"{evaluated['removed']:,}, of entities known to have had the event by then",
            ),
            (
                "training rows",
                f"{training}, of which {evaluated['training_positives']:,} events",
            ),
            ("features", ", ".join(evaluated["features"])),
        ]
