"""Mistakes in declared gates are each said, with the value and what is expected."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import DayGate, Limit, Validation, load, require_valid


def mistakes(gate):
    try:
        require_valid(replace(load("fraud_detection"), validation=gate))
    except DeclarationError as error:
        return error.problems
    return ()


def test_the_shipped_gates_are_right():
    assert mistakes(Validation()) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"days_back": -1},
            "validation.days.days_back must be an integer of 0 or more; got -1.",
        ),
        (
            {"days_back": 2.5},
            "validation.days.days_back must be an integer; got 2.5.",
        ),
        ({"min_days": 2}, "validation.days.min_days must be an integer of 3 or more; got 2."),
        (
            {"min_days": "7"},
            "validation.days.min_days must be an integer; got '7'.",
        ),
        (
            {"min_same_weekday": 1},
            "validation.days.min_same_weekday must be an integer of 3 or more; got 1.",
        ),
        (
            {"rows_ratio": Limit(warn=5, refuse=2)},
            "validation.days.rows_ratio: warn=5 is above refuse=2. Warn at the same value or below.",
        ),
        (
            {"excused": ("2026-13-01",)},
            "validation.days.excused '2026-13-01' is not a calendar day. Write it as YYYY-MM-DD, "
            "such as 2026-01-31.",
        ),
        (
            {"excused": "2026-01-01"},
            "validation.days.excused must be a tuple, such as (x,) for one: texts; got '2026-01-01'.",
        ),
    ],
)
def test_each_mistake_in_how_days_are_compared_is_reported(given, said):
    assert mistakes(Validation(days=DayGate(**given))) == (said,)


def test_a_column_that_is_not_there_cannot_be_left_out_of_the_comparison():
    pipeline = load("fraud_detection")
    gate = Validation(days=DayGate(not_compared=("tx_amout",)))
    with pytest.raises(DeclarationError, match=r"not_compared 'tx_amout'.*tx_amount"):
        require_valid(replace(pipeline, validation=gate))
