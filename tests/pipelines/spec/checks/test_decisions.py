"""Mistakes in calibration, costs and threshold: each is found, and what its message says to write is valid."""

from dataclasses import replace

import pytest

from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.spec import (
    Binary,
    Costs,
    Gates,
    Regression,
    Subgroup,
    load,
    require_valid,
    with_settings,
)
from tests.pipelines.stages.evaluate.made_times import CENSORED_ONLY

SHIPPED = load("fraud_detection")
COSTS = Costs(missed=100.0, investigator_day=400.0)


def declared(pipeline=SHIPPED, *, validation_days=0, calibration="auto", gates=None, **given):
    given = {"costs": None, "threshold": None} | given
    return replace(
        pipeline,
        evaluation=replace(pipeline.evaluation, **given),
        training=replace(pipeline.training, calibration=calibration),
        split=replace(pipeline.split, validation_days=validation_days),
        gates=gates or pipeline.gates,
    )


VALID = {
    "nothing": {},
    "costs": {"costs": COSTS},
    "a threshold": {"threshold": 0.3},
    "platt": {"calibration": "platt", "validation_days": 1},
    "isotonic": {"calibration": "isotonic", "validation_days": 2},
    "none": {"calibration": "none"},
    "a gate on the cost": {"costs": COSTS, "gates": Gates(limits=(("cost_per_day", 900.0),))},
    "a gate on the error": {"gates": Gates(limits=(("calibration_error", 0.02),))},
}

WRONG = {
    "both": (
        {"costs": COSTS, "threshold": 0.3},
        r"both costs and threshold=0.3 are declared.*omit one",
    ),
    "a threshold of 0": ({"threshold": 0.0}, "above 0 and below 1; got 0.0"),
    "a threshold of 1": ({"threshold": 1.0}, "above 0 and below 1; got 1.0"),
    "a threshold in per cent": ({"threshold": 31.0}, "above 0 and below 1; got 31.0"),
    "a text": ({"threshold": "0.3"}, "evaluation.threshold must be a number or None"),
    "negative missed": (
        {"costs": Costs(missed=-1.0)},
        r"costs.missed must be above 0; got -1.0",
    ),
    "no missed": ({"costs": Costs()}, "Costs: 'missed' is missing"),
    "negative false alert": (
        {"costs": Costs(missed=1.0, false_alert=-2.0)},
        "costs.false_alert must be 0 or more; got -2.0",
    ),
    "negative day": (
        {"costs": Costs(missed=1.0, investigator_day=-400.0)},
        "costs.investigator_day must be 0 or more; got -400.0",
    ),
    "nobody looks": (
        {"costs": Costs(missed=1.0, investigator_day=4.0, alerts_per_investigator=0)},
        "alerts_per_investigator must be 1 or more; got 0",
    ),
    "alerts for nothing": (
        {"costs": Costs(missed=100.0)},
        "an alert costs nothing, so every row would be one. Declare false_alert",
    ),
    "alerts too dear": (
        {"costs": Costs(missed=5.0, investigator_day=400.0)},
        r"an alert costs 8 of work and a missed event 5, so no row would ever be an alert",
    ),
    "a misspelt cost": (
        {"costs": Costs(missed=100.0, false_alerts=3.0)},
        "'false_alerts' is not a setting. Did you mean 'false_alert'",
    ),
    "an unknown calibration": (
        {"calibration": "plat"},
        "training.calibration 'plat' is not known. Did you mean 'platt'",
    ),
    "no rows to fit to": (
        {"calibration": "platt"},
        "calibration='platt' needs rows that no gradient has seen. Declare split.validation_days=1",
    ),
    "a gate without costs": (
        {"gates": Gates(limits=(("cost_per_day", 900.0),))},
        r"gates.limits: 'cost_per_day' needs costs. Add evaluation.costs, such as Costs",
    ),
    "a gap in cost": (
        {
            "costs": COSTS,
            "subgroups": (Subgroup("tx_amount", (50.0,)),),
            "gates": Gates(max_subgroup_gap=(("cost_per_day", 9.0),)),
        },
        "grows with the number of rows",
    ),
}


@pytest.mark.parametrize("given", VALID.values(), ids=VALID)
def test_what_can_be_decided_is_valid(given):
    require_valid(declared(**given))


@pytest.mark.parametrize(("given", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_found_with_its_values(given, said):
    with pytest.raises(DeclarationError, match=said):
        require_valid(declared(**given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"calibration": "platt", "validation_days": 100},
            "calibration='platt' is for a Binary",
        ),
        ({"calibration": "isotonic"}, "calibration='isotonic' is for a Binary head"),
        ({"costs": COSTS}, "evaluation.costs is for a Binary head.*not Survival. Omit it"),
        ({"threshold": 0.5}, "evaluation.threshold is for a Binary head"),
        ({"gates": Gates(limits=(("cost_per_day", 1.0),))}, "not a metric of this head"),
    ],
)
def test_a_head_whose_rows_are_not_decided_over_has_none_of_it(given, said):
    with pytest.raises(DeclarationError, match=said):
        require_valid(declared(CENSORED_ONLY, **given))


def test_heads_without_decisions_keep_the_defaults():
    require_valid(CENSORED_ONLY)
    assert Binary().metrics["cost_per_day"] is False
    assert "cost_per_day" not in Regression().metrics


def test_what_a_message_says_to_do_can_be_done_for_one_run():
    with pytest.raises(DeclarationError, match="omit one of the two"):
        with_settings(SHIPPED, ["evaluation.threshold=0.3"])
    chosen = with_settings(SHIPPED, ["evaluation.costs=", "evaluation.threshold=0.3"])
    assert (chosen.evaluation.costs, chosen.evaluation.threshold) == (None, 0.3)
    with pytest.raises(DeclarationError, match="needs rows that no gradient has seen"):
        with_settings(SHIPPED, ["training.calibration=platt"])
    with_settings(SHIPPED, ["training.calibration=platt", "split.validation_days=1"])
    with pytest.raises(ConfigError, match=r"expected a value like 0\.5"):
        with_settings(SHIPPED, ["evaluation.costs=", "evaluation.threshold=high"])
