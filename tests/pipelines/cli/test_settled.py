"""``settled`` prints the ledger, or one line of JSON."""

import json

import pytest
from typer.testing import CliRunner

from pipelines.cli.app import app
from pipelines.core.errors import InputMissingError
from tests.pipelines.stages.settle.settled_case import SHIPPED, Book, drawn_rows, scores_of_rows


def call(*arguments):
    return CliRunner().invoke(
        app, ["settled", "fraud_detection", *arguments], catch_exceptions=False
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A day scored by the shipped pipeline, and the day a week later in which its labels become known."""
    book = Book(tmp_path_factory.mktemp("cli"), SHIPPED)
    for day in ("2026-01-10", "2026-01-17"):
        rows = drawn_rows(book.pipeline, day, 1)
        book.features(day, rows)
        book.scores(day, scores_of_rows(rows))
        book.settle(day)
    return str(book.root)


def test_the_ledger_is_printed_for_people(stored):
    printed = call("--store", stored, "--as-of", "2026-01-18").stdout
    assert "2026-01-10" in printed
    assert "last 7 days, as given (1 partitions): auc" in printed
    assert "estimate of events: off by" in printed
    assert "2026-01-03 was never scored" in printed
    assert "not settled: 2026-01-11" in printed


def test_the_ledger_is_printed_for_programs(stored):
    found = json.loads(call("--store", stored, "--as-of", "2026-01-17", "--json").stdout)
    assert [each["partition"] for each in found["settlements"]] == ["2026-01-10"]
    assert found["cumulative"] == []


def test_a_day_before_the_first_settlement_says_what_to_do(stored):
    with pytest.raises(InputMissingError, match="stage settle fraud_detection --store"):
        call("--store", stored, "--as-of", "2026-01-01")
