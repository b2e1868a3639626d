"""Mistakes in horizons, subgroups, baselines and gates: each is found, and says what to write instead."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import (
    Binary,
    CoxBaseline,
    Gates,
    Regression,
    Subgroup,
    require_valid,
)
from tests.pipelines.stages.evaluate.made_times import CENSORED_ONLY as PIPELINE

WRONG = {
    "a horizon that is no cut": (
        {"horizons_days": (250.0,)},
        r"horizons_days: 250 is none of head.cuts_days \(100, 200, 300\)",
    ),
    "a horizon twice": ({"horizons_days": (300.0, 300.0)}, "names a day twice"),
    "a group of nothing": (
        {"subgroups": (Subgroup("agee", cuts=(60.0,)),)},
        "column 'agee' is not declared. Did you mean 'age'",
    ),
    "a group of each patient": (
        {"subgroups": (Subgroup("patient_id"),)},
        "column 'patient_id' identifies single entities, and each would be a group",
    ),
    "a group of each row": (
        {"subgroups": (Subgroup("visit_id"),)},
        "identifies single entities",
    ),
    "a number without cuts": (
        {"subgroups": (Subgroup("age"),)},
        r"'age' is a number. Add cuts",
    ),
    "a text with cuts": (
        {"subgroups": (Subgroup("hospital", cuts=(1.0,)),)},
        "'hospital' is a text, which cuts cannot divide",
    ),
    "cuts that fall": ({"subgroups": (Subgroup("age", cuts=(70.0, 50.0)),)}, "must ascend"),
    "a column twice": (
        {"subgroups": (Subgroup("age", (50.0,)), Subgroup("age", (60.0,)))},
        "'age' is declared twice",
    ),
    "an input of nothing": (
        {"baseline": CoxBaseline(inputs=("markr",))},
        "input 'markr' is not declared. Did you mean 'marker'",
    ),
    "no input": ({"baseline": CoxBaseline(inputs=())}, "baseline.inputs is empty"),
    "a negative ridge": (
        {"baseline": CoxBaseline(inputs=("age",), ridge=-1.0)},
        "ridge must be finite and 0 or more; got -1.0",
    ),
    "few rows": (
        {"baseline": CoxBaseline(inputs=("age",), max_rows=5)},
        "max_rows must be 100 or more; got 5",
    ),
}
GATES = {
    "a metric of no horizon": (
        Gates(limits=(("auc_365d", 0.7),)),
        r"'auc_365d' is not a metric of this head. Did you mean 'auc_300d'",
    ),
    "one bound of a slope": (
        Gates(limits=(("calibration_slope_300d", 0.9),)),
        r"neither better when higher nor when lower. Use a range, such as",
    ),
    "a range upside down": (Gates(limits=(("ibs", (0.2, 0.1)),)), r"must be \(low, high\)"),
    "a gap in a slope": (
        Gates(max_subgroup_gap=(("calibration_slope_300d", 0.1),)),
        "no group can be worse by it. Use one of concordance",
    ),
    "a gap in nothing": (Gates(max_subgroup_gap=(("aucc", 0.1),)), "'aucc' is not a metric"),
    "a negative gap": (Gates(max_subgroup_gap=(("ibs", -0.1),)), "must be 0 or more; got -0.1"),
    "a gate for another head": (Gates(min_auc=0.7), "gates.min_auc is for a Binary head"),
}


def problems(**changes):
    with pytest.raises(DeclarationError) as raised:
        require_valid(replace(PIPELINE, **changes))
    return str(raised.value)


@pytest.mark.parametrize(("evaluation", "match"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_the_evaluation_is_found(evaluation, match):
    with pytest.raises(DeclarationError, match=match):
        require_valid(replace(PIPELINE, evaluation=replace(PIPELINE.evaluation, **evaluation)))


@pytest.mark.parametrize(("gates", "match"), GATES.values(), ids=GATES)
def test_a_mistake_in_the_gates_is_found(gates, match):
    with pytest.raises(DeclarationError, match=match):
        require_valid(replace(PIPELINE, gates=gates))


def test_what_belongs_to_another_head_is_refused():
    found = problems(head=Regression())
    assert "horizons_days=(200.0, 300.0) is for a Survival head, not Regression" in found
    assert "a Cox model is for a Survival head, not Regression" in found
    assert "'concordance' is not a metric of this head" in found


def test_gates_on_what_is_not_declared_are_refused():
    bare = replace(PIPELINE.evaluation, subgroups=(), baseline=None)
    gates = Gates(min_gain_over_baseline=0.0, max_subgroup_gap=(("ibs", 0.1),))
    found = problems(evaluation=bare, gates=gates)
    assert "gates.max_subgroup_gap needs subgroups" in found
    assert "gates.min_gain_over_baseline needs a baseline" in found


@pytest.mark.parametrize(
    "gates",
    [
        Gates(limits=(("calibration_slope_200d", (0.8, 1.25)), ("ibs", (0.0, 0.2)))),
        Gates(limits=(("auc_300d", 0.7), ("brier_200d", 0.2), ("uno_c", 0.6))),
        Gates(max_subgroup_gap=(("concordance", 0.05), ("brier_300d", 0.02))),
    ],
)
def test_gates_on_every_kind_of_metric_are_valid(gates):
    assert require_valid(replace(PIPELINE, gates=gates)).gates == gates


def test_a_calibration_of_an_event_has_gates_too():
    gates = Gates(limits=(("calibration_slope", (0.8, 1.25)),))
    plain = replace(PIPELINE.evaluation, horizons_days=(), baseline=None)
    flagged = replace(PIPELINE, head=Binary(), gates=gates, evaluation=plain)
    with pytest.raises(DeclarationError) as raised:
        require_valid(flagged)
    assert "gates" not in str(raised.value)  # but its label is not one of an event
