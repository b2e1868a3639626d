"""The rules that a declaration gives, and what Great Expectations finds by them."""

import logging
import math
import socket
import warnings
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError, PermanentError
from pipelines.gx_dask import gx
from pipelines.shared.expectations.decimals import has_decimals
from pipelines.shared.expectations.engine import evaluate
from pipelines.shared.expectations.rules import CheckedRule, rules_of
from pipelines.spec import Column, Rule, load
from tests.pipelines.shared.tables.made import DAY, canonical, with_column

PIPELINE = load("fraud_detection")


def with_rules(*rules, **settings):
    return replace(PIPELINE, validation=replace(PIPELINE.validation, rules=rules, **settings))


@pytest.fixture
def evaluated(tmp_path):
    """Validate a table by rules: each finding, and the numbers of its failing rows."""

    def validate(rules, table):
        pq.write_table(table, tmp_path / "rows.parquet")
        found = evaluate(rules, [tmp_path / "rows.parquet"], tmp_path / "rows")
        (partition,) = found.partitions
        return [(each, found.failing_rows(each, partition).tolist()) for each in found.findings]

    return validate


@pytest.fixture
def found_by(evaluated):
    def validate(expectation, kwargs, table, severity="warning"):
        ((finding, rows),) = evaluated(
            [CheckedRule("mine", expectation, kwargs, severity)], table
        )
        return finding, rows

    return validate


def test_the_columns_of_card_fraud_give_these_rules():
    assert [rule.name for rule in rules_of(PIPELINE, DAY)] == [
        "table.min_rows",
        "transaction_id.not_null",
        "transaction_id.unique",
        "transaction_id.new",
        "transaction_id.range",
        "tx_datetime.not_null",
        "tx_datetime.partition",
        "customer_id.not_null",
        "customer_id.range",
        "terminal_id.not_null",
        "terminal_id.range",
        "tx_amount.not_null",
        "tx_amount.range",
        "tx_amount.decimals",
        "tx_fraud.not_null",
        "tx_fraud.values",
    ]


def test_a_number_without_bounds_must_still_be_finite_and_a_nullable_one_may_be_null():
    column = Column("rate", "number", nullable=True)
    table = replace(PIPELINE.table, columns=(*PIPELINE.table.columns, column))
    names = [rule.name for rule in rules_of(replace(PIPELINE, tables=(table,)), DAY)]
    assert names[-1] == "rate.finite"


def test_two_rules_of_one_name_are_refused():
    rule = Rule(
        "tx_amount.range", "expect_column_mean_to_be_between", (("column", "tx_amount"),)
    )
    with pytest.raises(ConfigError, match=r"'tx_amount.range' is declared twice"):
        rules_of(with_rules(rule), DAY)


def test_every_copy_of_a_duplicate_id_is_found_even_beside_a_null_and_above_2_to_the_53(
    found_by,
):
    ids = pa.array([2**60, 2**60 + 1, 2**60 + 2, 2**60 + 1, None], pa.int64())
    table = with_column(canonical(5), "transaction_id", ids)
    found, rows = found_by(
        "expect_column_values_to_be_unique", {"column": "transaction_id"}, table
    )
    assert rows == [1, 3]
    assert (found.checked, found.missing) == (5, 1)


def test_a_day_ends_before_midnight_and_a_time_outside_of_nanoseconds_is_validated_too(
    evaluated,
):
    rule = next(r for r in rules_of(PIPELINE, DAY) if r.name == "tx_datetime.partition")
    late = np.array(["2018-04-02", "2018-04-01T23:59:59.999999", "2018-04-01", "3018-04-01"])
    table = with_column(canonical(4), "tx_datetime", pa.array(late.astype("datetime64[us]")))
    ((_, rows),) = evaluated([rule], table)
    assert rows == [0, 3]


def test_a_rule_of_the_pipelines_own_may_be_conditional(found_by):
    table = with_column(canonical(4), "tx_fraud", pa.array([0, 1, 1, 0]))
    table = with_column(table, "tx_amount", pa.array([5.0, 5.0, 500.0, 5.0]))
    kwargs = {
        "column": "tx_amount",
        "min_value": 100,
        "row_condition": {
            "type": "comparison",
            "column": {"name": "tx_fraud"},
            "operator": "==",
            "parameter": 1,
        },
    }
    found, rows = found_by("expect_column_values_to_be_between", kwargs, table)
    assert (rows, found.checked) == ([1], 2)


def test_a_rule_about_no_row_reports_what_it_saw(found_by):
    found, rows = found_by(
        "expect_column_mean_to_be_between", {"column": "tx_fraud", "min_value": 2}, canonical(9)
    )
    assert (found.by_row, rows, found.failing) == (False, [], 0)
    assert not found.success
    assert isinstance(found.observed, float)


def test_rows_of_one_rule_are_not_those_of_an_equal_one_under_another_name(evaluated):
    table = with_column(canonical(3), "tx_amount", pa.array([1.0, -1.0, 2.0]))
    kwargs = {"column": "tx_amount", "min_value": 0}
    between = "expect_column_values_to_be_between"
    rules = [CheckedRule("a", between, kwargs), CheckedRule("b", between, kwargs, "info")]
    assert [rows for _, rows in evaluated(rules, table)] == [[1], [1]]


@pytest.mark.parametrize(
    ("expectation", "kwargs", "message"),
    [
        ("expect_column_values_to_be_betwen", {}, "Did you mean 'expect_column_values_to_be_b"),
        ("expect_column_values_to_be_between", {"column": "tx_amount"}, "does not take"),
        ("expect_column_values_to_be_unique", {"colum": "tx_amount"}, "does not take"),
    ],
)
def test_a_rule_that_is_no_expectation_is_a_mistake_of_the_declaration(
    found_by, expectation, kwargs, message
):
    with pytest.raises(ConfigError, match=rf"rule mine: .*{message}"):
        found_by(expectation, kwargs, canonical(3))


@pytest.mark.parametrize("column", ["nope", "note"])
def test_an_expectation_that_cannot_be_evaluated_is_not_bad_data(found_by, column):
    table = canonical(3).append_column("note", pa.array(["a", "b", "c"]))
    kwargs = {"column": column, "min_value": 0}
    message = (
        "rule mine: expect_column_values_to_be_between could not be evaluated.*nothing about"
    )
    with pytest.raises(PermanentError, match=message):
        found_by("expect_column_values_to_be_between", kwargs, table)


@given(st.integers(-(10**13), 10**13), st.integers(0, 6))
def test_every_decimal_of_so_many_digits_passes(multiple, decimals):
    assert has_decimals(np.array([multiple / 10**decimals]), decimals).all()


@pytest.mark.parametrize("value", [0.001, 10.005, 1e15, math.inf, 57.15999984741211])
def test_more_digits_than_declared_or_than_a_float_holds_fail(value):
    assert not has_decimals(np.array([value, -value]), 2).any()


def test_the_noise_of_float_arithmetic_is_no_digit():
    assert has_decimals(np.array([0.1 + 0.2, -(44.71 + 1), 1e6 - 0.1]), 2).all()


def test_an_empty_table_meets_every_rule_but_the_number_of_rows(evaluated):
    found = evaluated(rules_of(PIPELINE, DAY), canonical(0))
    assert [f.rule.name for f, _ in found if not f.success] == ["table.min_rows"]


def test_validation_says_nothing_connects_nowhere_and_leaves_warnings_alone(
    monkeypatch, caplog, capfd, evaluated
):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    show, filters = warnings.showwarning, list(warnings.filters)
    with caplog.at_level(logging.INFO):
        gx.load.cache_clear()
        evaluated(rules_of(PIPELINE, DAY), canonical(20))
    out, err = capfd.readouterr()
    assert (out, err, caplog.records) == ("", "", [])
    assert warnings.showwarning is show
    assert warnings.filters == filters
