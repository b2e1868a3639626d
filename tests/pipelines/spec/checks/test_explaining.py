"""Mistakes in what explains an evaluation: each is found, and says what to write instead."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import Gates, SliceSearch, Subgroup, require_valid
from pipelines.spec.checks.explaining import sliced_columns
from tests.pipelines.made_models import FRAUD
from tests.pipelines.stages.evaluate.made_times import CENSORED_ONLY

WRONG = {
    "fewer rows than none": (
        {"explained_rows": -1},
        r"explained_rows must be 0 or more; got -1",
    ),
    "a column that is none": (
        {"slice_search": SliceSearch(columns=("tx_amont",))},
        r"slice_search: column 'tx_amont' is not declared. Did you mean 'tx_amount'",
    ),
    "a column of single entities": (
        {"slice_search": SliceSearch(columns=("terminal_id",))},
        r"slice_search: column 'terminal_id' is not declared",
    ),
    "a column twice": (
        {"slice_search": SliceSearch(columns=("tx_amount", "tx_amount"))},
        "names a feature twice",
    ),
    "too many features of a slice": (
        {"slice_search": SliceSearch(max_columns=3)},
        r"max_columns must be at most 2; got 3",
    ),
    "one range": ({"slice_search": SliceSearch(ranges=1)}, r"ranges must be 2 or more; got 1"),
    "a level of 1": (
        {"slice_search": SliceSearch(level=1.0)},
        r"slice_search.level must be above 0 and at most 0.5; got 1.0",
    ),
    "no share": ({"slice_search": SliceSearch(min_share=0.0)}, r"min_share must be above 0"),
    "no looks": (
        {"slice_search": SliceSearch(max_looks=0)},
        r"max_looks must be above 0; got 0",
    ),
    "a fairness group of nothing": (
        {"fairness": (Subgroup("sex"),)},
        r"evaluation.fairness: column 'sex' is not declared",
    ),
    "a fairness group of each card": (
        {"fairness": (Subgroup("customer_id"),)},
        r"evaluation.fairness: column 'customer_id' identifies single entities",
    ),
    "a fairness group of a number without cuts": (
        {"fairness": (Subgroup("tx_amount"),)},
        r"evaluation.fairness: 'tx_amount' is a number. Add cuts",
    ),
}


def declared(pipeline=FRAUD, gates=None, **settings):
    return replace(
        pipeline,
        evaluation=replace(pipeline.evaluation, **settings),
        gates=gates or pipeline.gates,
    )


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_says_where_it_is_and_what_to_write(name):
    settings, says = WRONG[name]
    with pytest.raises(DeclarationError, match=says):
        require_valid(declared(**settings))


def test_heads_without_decisions_or_losses_of_rows_say_so():
    with pytest.raises(DeclarationError, match=r"fairness: rates of decisions are of a Binary"):
        require_valid(declared(CENSORED_ONLY, fairness=(Subgroup("age", cuts=(50.0,)),)))
    with pytest.raises(DeclarationError, match=r"a Survival head has no loss of a single row"):
        require_valid(declared(CENSORED_ONLY, slice_search=SliceSearch()))


@pytest.mark.parametrize(
    ("bound", "settings", "says"),
    [
        (0.1, {}, r"max_subgroup_loss_to_champion needs groups. Add evaluation.subgroups or"),
        (-0.1, {"slice_search": SliceSearch()}, r"must be 0 or more; got -0.1"),
    ],
)
def test_a_gate_without_groups_or_below_zero_is_refused(bound, settings, says):
    with pytest.raises(DeclarationError, match=says):
        require_valid(declared(gates=Gates(max_subgroup_loss_to_champion=bound), **settings))


def test_what_is_right_is_accepted():
    right = declared(
        gates=Gates(max_subgroup_loss_to_champion=0.05),
        explained_rows=0,
        slice_search=SliceSearch(columns=("tx_amount", "during_night"), max_columns=1),
        fairness=(Subgroup("tx_amount", cuts=(50.0,)), Subgroup("terminal_id")),
    )
    assert require_valid(right) == right
    assert sliced_columns(right) == FRAUD.feature_names()
