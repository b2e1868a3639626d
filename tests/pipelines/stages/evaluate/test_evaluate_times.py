"""The stage on a model of times: metrics, follow-up, the baseline, subgroups and their gates."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import TrainingError
from pipelines.core.store import Store
from pipelines.shared.scoring.survival import survival_of
from pipelines.spec import CoxBaseline, Evaluation, Gates, Subgroup, Survival, metrics_of
from pipelines.stages.evaluate.heads import evaluation_of
from tests.pipelines.made_models import done, work_on
from tests.pipelines.stages.evaluate.made_times import (
    CENSORED_ONLY,
    CUTS,
    DEVIATION,
    MEAN,
    PIPELINE,
    outputs_of,
    publish_times,
)


def published(root, pipeline=PIPELINE):
    _, work = work_on("evaluate", root, pipeline=pipeline)
    return Store(str(root)).open(Store(str(root)).find(work.model_ref("evaluations")))


def found_in(root, pipeline=PIPELINE):
    return json.loads((published(root, pipeline) / "metrics.json").read_text())


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("times")
    publish_times(root)
    done("evaluate", root, pipeline=PIPELINE)
    return root


@pytest.fixture(scope="module")
def evaluated(root):
    return found_in(root)


def verdict(root, pipeline):
    result = done("evaluate", root, pipeline=pipeline)
    return result["verdict"], result["reason"]


def test_every_metric_of_the_head_is_there_with_an_interval(evaluated):
    names = metrics_of(PIPELINE.head, PIPELINE.evaluation.horizons_days)
    assert tuple(evaluated["metrics"]) == tuple(names)
    assert tuple(evaluated["intervals"]) == tuple(names)
    for name, (low, high) in evaluated["intervals"].items():
        assert low < evaluated["metrics"][name] < high, name
    assert 0.7 < evaluated["metrics"]["concordance"] < 0.85


def test_the_incidence_is_beside_a_naive_one_that_overstates_it(evaluated):
    assert [row["days"] for row in evaluated["incidence"]] == list(CUTS)
    for row in evaluated["incidence"]:
        assert row["observed"] < row["naive"]
        assert row["predicted"] == pytest.approx(row["observed"], abs=0.04)
    assert evaluated["follow_up"]["competing"] > 0


def test_the_baselines_are_beside_the_model_with_paired_differences(evaluated):
    rate, cox = evaluated["baselines"]
    assert (rate["name"], cox["name"]) == ("base_rate", "cox")
    assert rate["metrics"]["auc_300d"] == 0.5
    assert cox["facts"]["rows"] == 900
    own = evaluated["metrics"]["concordance"]
    assert 0.5 < cox["metrics"]["concordance"] < own
    low, high = cox["difference_intervals"]["concordance"]
    assert low < own - cox["metrics"]["concordance"] < high
    # Paired: narrower than the difference of two independent ones would be.
    width = sum(
        b - a for a, b in (each["intervals"]["concordance"] for each in (evaluated, cox))
    )
    assert high - low < width


def test_subgroups_have_metrics_and_gaps_to_the_rest(evaluated):
    names = {(each["column"], each["group"]) for each in evaluated["subgroups"]}
    ages = {("age", "below 50"), ("age", "50 to below 70"), ("age", "70 and above")}
    assert names == ages | {("hospital", "north"), ("hospital", "south")}
    north = next(each for each in evaluated["subgroups"] if each["group"] == "north")
    south = next(each for each in evaluated["subgroups"] if each["group"] == "south")
    assert north["rows"] + south["rows"] == evaluated["rows"]
    gap = north["metrics"]["auc_300d"] - south["metrics"]["auc_300d"]
    assert north["gaps"]["auc_300d"] == pytest.approx(gap)
    assert south["gaps"]["auc_300d"] == pytest.approx(-gap)
    low, high = north["gap_intervals"]["auc_300d"]
    assert low < gap < high


def test_the_same_inputs_give_the_same_bytes(root, tmp_path):
    publish_times(tmp_path)
    again = done("evaluate", tmp_path, pipeline=PIPELINE)
    assert again["content"] == done("evaluate", root, pipeline=PIPELINE)["content"]


def test_a_group_of_few_people_has_no_numbers_and_none_gives_its_size_away(tmp_path):
    def spoil(_day, _values, _label, keys):
        keys["hospital"] = np.where(np.arange(300) < 3, "tiny", "large")

    publish_times(tmp_path, spoil=spoil)
    done("evaluate", tmp_path, pipeline=PIPELINE)
    groups = {each["group"]: each for each in found_in(tmp_path)["subgroups"]}
    assert "tiny" not in groups  # such a value may name who has it
    hidden = {"column": "hospital", "group": "a rare value", "suppressed": True}
    assert groups["a rare value"] == hidden
    large = groups["large"]
    assert large["rows"] % 10 == large["entities"] % 10 == 0
    assert large["gaps"] == {}


@pytest.mark.parametrize(
    ("gates", "expected", "reason"),
    [
        (Gates(limits=(("calibration_slope_300d", (0.5, 2.0)),)), "BETTER", r"\(0.5 to 2\)"),
        (
            Gates(limits=(("calibration_slope_300d", (1.5, 2.0)),)),
            "REJECTED",
            "below the gate 1.5",
        ),
        (
            Gates(limits=(("calibration_slope_300d", (0.1, 0.2)),)),
            "REJECTED",
            "above the gate 0.2",
        ),
        (Gates(limits=(("ibs", 0.05),)), "REJECTED", "IBS 0.0951 is above the gate 0.05"),
        (Gates(min_gain_over_baseline=-0.1), "BETTER", "it reaches the gate -0.1"),
        (
            Gates(min_gain_over_baseline=0.03),
            "NOT_BETTER",
            "lower end does not reach the gate 0.03",
        ),
        (
            Gates(min_gain_over_baseline=0.2),
            "REJECTED",
            r"over the baseline \(Cox model of age\)",
        ),
        (Gates(max_subgroup_gap=(("auc_300d", 0.5),)), "BETTER", "no champion"),
        (
            Gates(max_subgroup_gap=(("auc_300d", 0.05),)),
            "NOT_BETTER",
            "In the subgroup age 50 to below 70 its AUC at 300 days is 0.1212 worse than in the rest",
        ),
        (
            Gates(max_subgroup_gap=(("auc_300d", 0.0),)),
            "REJECTED",
            r"\+0.0419 to \+0.2161\); 0 is",
        ),
    ],
)
def test_gates_on_ranges_baselines_and_subgroups(root, gates, expected, reason):
    found, why = verdict(root, replace(PIPELINE, gates=gates))
    assert found == expected, why
    assert re.search(reason, why)


def test_a_cut_beyond_follow_up_is_left_out_and_its_gate_rejects(tmp_path):
    far = replace(
        CENSORED_ONLY,
        head=Survival((*CUTS[:2], 900.0)),
        evaluation=replace(CENSORED_ONLY.evaluation, horizons_days=(200.0, 900.0)),
        gates=Gates(limits=(("auc_900d", 0.6),)),
    )
    publish_times(tmp_path, far)
    found, why = verdict(tmp_path, far)
    assert found == "REJECTED"
    assert "AUC at 900 days has a gate (0.6) and could not be measured" in why
    evaluated = found_in(tmp_path, far)
    assert evaluated["follow_up"]["beyond_days"] == [900.0]
    assert "auc_200d" in evaluated["metrics"]
    assert "auc_900d" not in evaluated["metrics"]


def test_rows_that_nobody_followed_to_a_cut_are_refused(tmp_path):
    late = replace(
        CENSORED_ONLY,
        head=Survival((500.0, 700.0, 900.0)),
        evaluation=replace(CENSORED_ONLY.evaluation, horizons_days=(), baseline=None),
    )
    publish_times(tmp_path, late)
    with pytest.raises(TrainingError, match=r"followed for 300 days at most.*is 500"):
        done("evaluate", tmp_path, pipeline=late)


def test_rows_without_any_event_are_refused(tmp_path):
    def spoil(day, _values, label, _keys):
        if day >= "2026-02-27":
            label[:] = -np.abs(label)

    publish_times(tmp_path, CENSORED_ONLY, spoil=spoil)
    with pytest.raises(TrainingError, match="none of the 600 test rows has the event"):
        done("evaluate", tmp_path, pipeline=CENSORED_ONLY)


def test_without_competing_events_a_dense_network_predicts_products_of_hazards():
    x = np.random.default_rng(1).normal(size=(50, 2))
    logits = outputs_of(x)[:, :3]
    found = survival_of(logits, Survival(CUTS))
    expected = np.cumprod(1 - 1 / (1 + np.exp(-logits)), axis=1)
    assert found["survival"] == pytest.approx(expected, rel=1e-6)
    both = survival_of(outputs_of(x), Survival(CUTS, competing=True))
    every = both["competing"] + 1 - both["survival"]
    assert (every < 1).all()
    assert (both["survival"] > found["survival"]).all()


def test_evaluation_settings_default_to_the_last_cut_and_no_groups():
    plain = Evaluation()
    assert (plain.horizons_days, plain.subgroups, plain.baseline) == ((), (), None)
    assert "auc_300d" in metrics_of(Survival(CUTS))
    assert Subgroup("age").cuts == ()
    assert CoxBaseline(("age",)).max_rows == 20_000


def test_the_card_shows_plots_baselines_and_subgroups_and_stands_alone(root):
    page = (published(root) / "model_card.html").read_text()
    assert not re.search(r"<script|<link|@import|url\(|src=|href=|https?://", page)
    for title in (
        "Incidence, predicted and observed",
        "AUC over time",
        "Calibration, 200 days",
        "Calibration, 300 days",
        "Decision curve, 300 days",
        "Cox model of age",
        "age: 50 to below 70",
        "hospital: north",
    ):
        assert title in page
    assert page.count("<svg") == 8


def test_the_report_follows_from_the_declaration_and_the_rows(root, evaluated):
    items = {each["item"]: each["text"] for each in evaluated["report"]["items"]}
    assert "Days to the event; predicted by 100, 200, 300 days" in items["8 Outcome"]
    assert items["14 Fairness"] == "evaluated by age, hospital"
    assert "Cox model of age" in items["12 Analytical methods"]
    assert "training 900 rows, 122 with the event" in items["10 Sample size"]
    predictors = {each["name"]: each for each in evaluated["report"]["predictors"]}
    assert predictors["age"]["steps"] == "age >> Standardise()"
    assert predictors["age"]["missing_test"] == 0.0
    assert "Report (items of TRIPOD+AI)" in (published(root) / "model_card.html").read_text()


def test_no_page_or_number_names_a_patient_or_a_group_of_few(tmp_path):
    def spoil(_day, values, _label, keys):
        keys["hospital"] = np.where(np.arange(300) < 3, "tiny", "large")
        values[::4, 1] = np.nan

    publish_times(tmp_path, spoil=spoil)
    done("evaluate", tmp_path, pipeline=PIPELINE)
    folder = published(tmp_path)
    for name in ("metrics.json", "model_card.html"):
        assert not re.search(r"patient \d", (folder / name).read_text())
    page = (folder / "model_card.html").read_text()
    assert "tiny" not in page
    assert "hospital: a rare value" in page
    assert "fewer than 10 entities or 5 events is not shown" in page
    report = found_in(tmp_path)["report"]
    marker = next(each for each in report["predictors"] if each["name"] == "marker")
    assert marker["missing_train"] == marker["missing_test"] == 0.25


def test_rows_that_the_training_set_leaves_out_are_left_out_of_baselines_and_groups(tmp_path):
    publish_times(tmp_path, kept=0.5)
    done("evaluate", tmp_path, pipeline=PIPELINE)
    evaluated = found_in(tmp_path)
    assert evaluated["rows"] == 300
    assert evaluated["baselines"][1]["facts"]["rows"] == 450
    north = [each for each in evaluated["subgroups"] if each["column"] == "hospital"]
    assert sum(each["rows"] for each in north) == 300
    # The values are those of the rows that are left: the baseline is still better than chance.
    assert evaluated["baselines"][1]["metrics"]["concordance"] > 0.6


def test_a_champion_of_dense_layers_prepares_raw_rows_by_its_own_program(root):
    _, work = work_on("evaluate", root, pipeline=PIPELINE)
    folder = work.store.open(work.find(work.model_ref("models")))
    head, x = evaluation_of(PIPELINE.head), np.random.default_rng(3).normal(size=(20, 2))
    raw = dict(zip(("age", "marker"), (x * DEVIATION + MEAN).T, strict=True))
    served = head.predict_served(folder, lambda kinds: {name: raw[name] for name in kinds})
    own = head.predict(folder, {"x": x.astype(np.float32)})
    assert served["survival"] == pytest.approx(own["survival"], abs=1e-6)
    assert served["score"] == pytest.approx(own["score"], abs=1e-6)
    with pytest.raises(KeyError, match="cuts_days"):
        evaluation_of(CENSORED_ONLY.head).predict(folder, {"x": x.astype(np.float32)})
