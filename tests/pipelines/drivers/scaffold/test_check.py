"""What ``check`` finds of a gate before any day is there, and what suite parameters stand for."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli.authoring import check
from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.drivers.scaffold.check import findings
from pipelines.protocol import catalog
from pipelines.shared.expectations.parameters import resolved
from pipelines.shared.expectations.rules import rules_of
from pipelines.spec import Limit, Rule, WindowGate, load
from pipelines.spec.checks import require_valid

FRAUD, DAY = load("fraud_detection"), "2026-01-02"
BETWEEN = "expect_column_values_to_be_between"


def gated(**changed):
    return replace(FRAUD, validation=replace(FRAUD.validation, **changed))


def saved(folder, *expectations):
    """A suite as Great Expectations saves it, as a declaration names it."""
    each = [{"type": kind, "kwargs": kwargs, "meta": {}} for kind, kwargs in expectations]
    path = folder / "shop.json"
    path.write_text(json.dumps({"name": "shop", "expectations": each, "meta": {}}))
    return (str(path),)


def looked_at(pipeline, monkeypatch):
    """What ``check`` says of the gate; and that it ends with the code of a wrong configuration."""
    monkeypatch.setattr("pipelines.drivers.scaffold.check.load", lambda _: pipeline)
    _, gate, _ = findings("x", source=None, store=None, day=None)
    if not gate.ok:
        monkeypatch.setattr("pipelines.drivers.scaffold.check._machine", lambda: "machine")
        with pytest.raises(ConfigError, match="1 of 3 checks failed") as failed:
            check("x")
        assert failed.value.exit_code == 2
    return gate


def test_a_gate_whose_every_rule_can_be_evaluated_is_said_to_be_so(monkeypatch):
    gate = looked_at(FRAUD, monkeypatch)
    assert gate.ok
    (number,) = re.findall(r"gate: (\d+) rules, each of which can be evaluated", gate.text)
    assert int(number) > len(rules_of(FRAUD, DAY)) > 10


def test_every_rule_that_no_day_could_be_validated_by_is_found_at_once(tmp_path, monkeypatch):
    suites = saved(
        tmp_path,
        ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch}"}),
        (
            "expect_column_values_to_match_like_pattern",
            {"column": "tx_amount", "like_pattern": "a"},
        ),
        ("expect_table_row_count_to_be_betwen", {"min_value": 1}),
        (BETWEEN, {"column": "amount", "min_value": 0}),
    )
    rules = (
        Rule("mine.bounds", BETWEEN, (("column", "tx_amount"),)),
        Rule("mine.typo", "expect_column_values_to_be_uniqe", (("column", "tx_amount"),)),
        Rule("mine.good", BETWEEN, (("column", "tx_amount"), ("min_value", 0))),
    )
    gate = looked_at(gated(suites=suites, rules=rules), monkeypatch)
    assert not gate.ok
    for message in (
        "rule mine.bounds: expect_column_values_to_be_between does not take",
        "rule mine.typo: there is no expectation 'expect_column_values_to_be_uniqe'. Did you mean",
        "rule shop.unexpected_rows_expectation",
        "rule shop.column_values_to_match_like_pattern.tx_amount",
        "rule shop.table_row_count_to_be_betwen: there is no expectation",
        "rule shop.column_values_to_be_between.amount: expect_column_values_to_be_between could not",
    ):
        assert message in gate.text
    assert gate.text.count("needs a database") == 2
    assert "mine.good" not in gate.text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"budgets": (("tx_amount.rnge", 0.1),)}, "Did you mean 'tx_amount.range'"),
        ({"suites": ("nowhere.json",)}, "is not a saved suite"),
        ({"parameters": (("limit", 5),)}, "sets 'limit', which no rule names"),
    ],
)
def test_what_keeps_the_rules_from_being_listed_is_found(monkeypatch, changed, message):
    assert message in looked_at(gated(**changed), monkeypatch).text


def limited(folder, named, **parameters):
    suites = saved(
        folder, (BETWEEN, {"column": "tx_amount", "max_value": {"$PARAMETER": named}})
    )
    return gated(suites=suites, parameters=tuple(parameters.items()))


@pytest.mark.parametrize(
    ("named", "value"),
    [("limit", 50), ("2 * limit + 1", 101), ("limit^2", 2500), ("abs(-limit)", 50)],
)
def test_a_saved_suite_gets_its_parameters_from_the_declaration(tmp_path, named, value):
    rule = rules_of(limited(tmp_path, named, limit=50), DAY)[-1]
    assert rule.kwargs == {"column": "tx_amount", "max_value": value}


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("limitx", r"suite parameter 'limitx' is not set.*parameters=\(\('limitx', 5000\),\)"),
        ("limit + other", "'other' is not set"),
        ("now()", "'now' is not set"),
        ("limit +", r"'limit \+' is not set"),
        ("limit / 0", "cannot be worked out"),
        ("limit^limit^limit", "cannot be worked out"),
        ("'a' * limit", "cannot be worked out"),
        ("limit" + "+1" * 200, "405 characters, expected at most 200"),
        ("limit.bit_length()", "cannot be worked out"),
    ],
)
def test_a_parameter_that_is_not_set_is_named_with_what_to_declare(tmp_path, named, message):
    with pytest.raises(ConfigError, match=message):
        rules_of(limited(tmp_path, named, limit=50), DAY)


def test_a_rule_of_ones_own_takes_parameters_wherever_they_stand_in_its_arguments():
    kwargs = (("column", "tx_fraud"), ("value_set", [0, {"$PARAMETER": "top"}]))
    rule = Rule("mine", "expect_column_values_to_be_in_set", kwargs)
    found = rules_of(gated(rules=(rule,), parameters=(("top", 1),)), DAY)[-1]
    assert found.kwargs["value_set"] == [0, 1]


@given(st.text("almit+-*/^()%., 0129'\x00é", max_size=40))
def test_whatever_a_parameter_is_called_no_other_error_is_raised(text):
    with suppress(ConfigError):
        assert resolved({"$PARAMETER": text}, {"a": 2, "limit": 9}, "mine") is not None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"suites": "shop.json"}, "validation.suites must be a tuple, such as (x,) for one"),
        (
            {"budgets": ("tx_amount.range", 0.1)},
            "validation.budgets[0] must be a pair of a text and a number; got 'tx_amount.range'",
        ),
        ({"rules": (("a", BETWEEN),)}, "rules[0] must be a Rule(name, expectation, kwargs)"),
        (
            {"rules": (Rule("a", BETWEEN, {"column": "x"}),)},
            "rules[a].kwargs must be a tuple, such as (x,) for one: each of which is a pair",
        ),
        (
            {"rules": (Rule("a", BETWEEN, (("min_value", date(2026, 1, 1)),)),)},
            "rules[a].kwargs[0][1] must be numbers, texts",
        ),
        (
            {"parameters": ("limit", 5)},
            "validation.parameters[0] must be a pair of a text and numbers",
        ),
        ({"max_quarantined_share": "1%"}, "max_quarantined_share must be a number; got '1%'"),
        (
            {"max_quarantined_share": None},
            "validation.max_quarantined_share must be a number; got None",
        ),
        (
            {"window": WindowGate(psi=0.2)},
            "window.psi must be a Limit, such as Limit(warn=0.1)",
        ),
        ({"window": WindowGate(js=Limit(warn="a"))}, "window.js.warn must be a number or None"),
    ],
)
def test_a_misshapen_gate_is_a_mistake_and_no_traceback(changed, message):
    with pytest.raises(DeclarationError) as wrong:
        require_valid(gated(**changed))
    assert message in str(wrong.value)


def test_a_store_is_tried_as_a_run_tries_it(tmp_path):
    (tmp_path / "file").write_text("")
    *_, there = findings("fraud_detection", source=None, store=str(tmp_path / "s"), day=None)
    assert (there.ok, there.text) == (True, f"store: {tmp_path / 's'} can be written")
    *_, lost = findings(
        "fraud_detection", source=None, store=str(tmp_path / "file/s"), day=None
    )
    assert not lost.ok
    assert "cannot be written (Not a directory). Check the folder and its rights" in lost.text


def test_a_stage_without_a_record_is_found(tmp_path, monkeypatch):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "stage.py").write_text("")
    monkeypatch.setattr(catalog, "FOLDER", tmp_path)
    monkeypatch.setattr(catalog, "catalog", catalog.catalog.__wrapped__)
    with pytest.raises(ConfigError, match=r"half has no record\.py"):
        findings("fraud_detection", source=None, store=None, day=None)
