"""Decisions on the test days, against loops over the published scores."""

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.core.store import Store
from pipelines.shared.scoring.decision import Calibration, Decision
from pipelines.spec import Costs, Gates
from pipelines.stages.evaluate.comparison import Champion
from pipelines.stages.evaluate.evaluation import evaluate_model
from pipelines.stages.evaluate.model_card import model_card
from tests.pipelines.made_models import (
    AS_OF,
    FRAUD,
    done,
    publish_model,
    publish_training_set,
    seeded,
    work_on,
)

COSTS = Costs(missed=50.0, false_alert=3.0, investigator_day=120.0, alerts_per_investigator=40)
CALIBRATED = Decision(Calibration("platt", slope=0.4, intercept=0.3), 0.2, "costs", "It helps.")
PRICED = dataclasses.replace(
    FRAUD,
    evaluation=dataclasses.replace(
        FRAUD.evaluation, costs=COSTS, bootstrap_samples=40, exclude_known=False
    ),
)


def read(folder):
    table = pq.read_table(folder / "scores.parquet").to_pandas()
    return json.loads((folder / "metrics.json").read_text()), table[table.counted]


def published(root, pipeline):
    store, ref = Store(str(root)), work_on("evaluate", root, pipeline=pipeline)[1]
    folder = store.open(store.find(ref.model_ref("evaluations")))
    return *read(folder), (folder / "model_card.html").read_text()


def cost_of(label, alert, day):
    """Cost of a day, row by row."""
    cost = 0.0
    for event, alerted in zip(label, alert, strict=True):
        cost += 3.0 if alerted else 50.0 * event
        cost += 3.0 * (alerted and not event)
    return cost / day.nunique()


@pytest.fixture(scope="module")
def rivals(tmp_path_factory):
    """A champion of the time before decisions, and a calibrated challenger."""
    root = tmp_path_factory.mktemp("rivals")
    publish_training_set(root, rows=200)
    theirs = publish_model(root, pipeline=PRICED, quality=0.7)
    done("evaluate", root, pipeline=PRICED)
    old = published(root, PRICED)
    own = publish_model(root, pipeline=PRICED, seed=1, decision=CALIBRATED)
    _, work = work_on("evaluate", root, pipeline=seeded(1, PRICED))
    out = root / "out"
    out.mkdir()
    champion = Champion({"as_of": AS_OF, "seed": 0, "digest": theirs.digest}, theirs)
    training_set = work.store.find(work.window_ref("training_set"))
    evaluate_model(work, training_set, own, champion, out)
    return old, (*read(out), model_card(work, out))


def test_a_model_without_a_decision_is_decided_by_the_costs_over_its_score(rivals):
    (metrics, table, card), _ = rivals
    decision = metrics["decision"]
    assert decision["calibration"] == {"kind": "none"}
    threshold = (3 + 3) / 53
    assert (decision["threshold"], decision["threshold_from"]) == (threshold, "costs")
    alert = table.score.astype(float) >= threshold
    assert metrics["metrics"]["cost_per_day"] == pytest.approx(
        cost_of(table.label, alert, table.day)
    )
    assert decision["costs"]["own"]["cost_per_day"] == pytest.approx(
        metrics["metrics"]["cost_per_day"]
    )
    assert decision["costs"]["own"]["alerts_per_day"] == alert.sum() / 7
    assert "not calibrated" in card
    assert "as far as the score is a probability" in card


def test_the_challenger_and_the_champion_cost_what_their_own_thresholds_say(rivals):
    (_, before, _), (metrics, table, card) = rivals
    own = CALIBRATED.decides(CALIBRATED.probability(table.score.to_numpy()))
    cost = cost_of(table.label, own, table.day)
    assert metrics["metrics"]["cost_per_day"] == pytest.approx(cost)
    low, high = metrics["intervals"]["cost_per_day"]
    assert low < cost < high
    theirs = table.champion_score.astype(float) >= 6 / 53
    champion = metrics["champion"]
    assert champion["metrics"]["cost_per_day"] == pytest.approx(
        cost_of(table.label, theirs, table.day)
    )
    assert metrics["decision"]["champion_threshold"] == 6 / 53
    low, high = champion["difference_intervals"]["cost_per_day"]
    difference = cost - champion["metrics"]["cost_per_day"]
    assert low < difference < high
    assert len(before) == len(table)
    more = "less" if difference < 0 else "more"
    assert f"this model costs {abs(difference):,.0f} {more}" in card


def test_nobody_everybody_and_hindsight_are_the_ends_and_the_bottom_of_the_curve(rivals):
    _, (metrics, table, _) = rivals
    costs, p = metrics["decision"]["costs"], CALIBRATED.probability(table.score.to_numpy())

    def at(threshold):
        return cost_of(table.label, p.astype(float) >= threshold, table.day)

    assert costs["nobody"] == {"cost_per_day": pytest.approx(at(2.0)), "alerts_per_day": 0.0}
    assert costs["everybody"]["cost_per_day"] == pytest.approx(at(0.0))
    assert costs["everybody"]["alerts_per_day"] == len(table) / 7
    best = costs["best"]["threshold"]
    assert costs["best"]["cost_per_day"] == pytest.approx(at(best))
    assert at(best) <= min(at(t) for t in np.quantile(p, np.linspace(0, 1, 50)))
    for row in costs["curve"][::10]:
        assert row["cost_per_day"] == pytest.approx(at(row["threshold"]))


def test_alerts_are_counted_by_row_and_by_entity_with_the_people_that_they_take(rivals):
    _, (metrics, table, card) = rivals
    found = metrics["decision"]["alerts"]
    alert = CALIBRATED.decides(CALIBRATED.probability(table.score.to_numpy()))
    table = table.assign(alert=alert)
    each = table[alert].groupby("day").customer_id.nunique()
    assert found["rows_per_day"] == pytest.approx(alert.sum() / 7)
    assert found["entities_per_day"] == pytest.approx(each.sum() / 7)
    assert found["most_entities"] == each.max()
    assert found["precision"] == pytest.approx(table[alert].label.mean())
    assert found["recall"] == pytest.approx(table[alert].label.sum() / table.label.sum())
    assert found["investigators"] == pytest.approx(each.sum() / 7 / 40)
    assert found["most_investigators"] == -(-each.max() // 40)
    assert f"at most {each.max():,}" in card
    assert f"{found['investigators']:,.1f} investigators" in card


def test_a_calibration_is_shown_before_and_after_and_its_errors_are_metrics(rivals):
    _, (metrics, table, card) = rivals
    both = metrics["decision"]["probabilities"]
    p = CALIBRATED.probability(table.score.to_numpy()).astype(float)
    for name, values in (("score", table.score.astype(float)), ("probability", p)):
        assert both[name]["brier"] == pytest.approx(np.mean((values - table.label) ** 2))
    assert metrics["metrics"]["brier"] == both["probability"]["brier"]
    assert "Reliability, before and after calibration" in card
    assert "calibrated (platt) on validation days" in card
    # The table of calibration and the slope are those of the probability that is used.
    means = sum(row["mean_score"] * row["rows"] for row in metrics["calibration"])
    assert means == pytest.approx(p.sum(), rel=1e-6)


@pytest.mark.parametrize(("bound", "verdict"), [(1e9, "BETTER"), (0.5, "REJECTED")])
def test_a_gate_may_ask_for_a_cost(tmp_path, bound, verdict):
    gated = dataclasses.replace(
        PRICED, gates=Gates(limits=(("cost_per_day", bound), ("calibration_error", 0.5)))
    )
    publish_training_set(tmp_path, rows=100)
    publish_model(tmp_path, pipeline=gated)
    result = done("evaluate", tmp_path, pipeline=gated)
    assert result["verdict"] == verdict
    assert "cost per day" in result["reason"].lower()


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (None, "Nothing says from which probability a row is an alert"),
        (Decision(threshold=0.4, threshold_from="alerts"), "number of alerts a day on the"),
        (Decision(threshold=0.4, threshold_from="declared"), "0.4 on, as declared."),
        (
            Decision(threshold=0.9999999, threshold_from="declared"),
            "none of them with the event",
        ),
    ],
)
def test_without_costs_the_card_says_what_decides(tmp_path, decision, said):
    plain = dataclasses.replace(
        FRAUD,
        evaluation=dataclasses.replace(
            FRAUD.evaluation, costs=None, bootstrap_samples=5, exclude_known=False
        ),
    )
    publish_training_set(tmp_path, rows=60)
    publish_model(tmp_path, pipeline=plain, decision=decision)
    done("evaluate", tmp_path, pipeline=plain)
    metrics, _, card = published(tmp_path, plain)
    assert said in card
    assert "cost_per_day" not in metrics["metrics"]
    assert "costs" not in metrics["decision"]
