"""The ledger of a day is every settlement before it, whatever comes later; sums are those of its rows."""

import numpy as np
import pytest

import millrace
from pipelines.api.opening import PipelineHandle
from pipelines.core.errors import ConfigError, InputMissingError
from pipelines.shared.settlements.cumulative import pooled_metrics
from tests.pipelines.stages.settle.settled_case import Book, drawn_rows, scores_of_rows, small

DAYS = [f"2026-01-{n:02}" for n in range(10, 20)]


@pytest.fixture(scope="module")
def settled_book(tmp_path_factory):
    """Ten days, of which two models scored five each; the fifth was never settled."""
    book = Book(tmp_path_factory.mktemp("ledger"), small())
    book.rows = {}
    for n, day in enumerate(DAYS):
        rows = drawn_rows(book.pipeline, day, n)
        book.features(day, rows)
        version = 1 + (n >= 5)
        book.scores(day, scores_of_rows(rows, version=version, digest=f"{version}" * 64))
        book.rows[day] = rows
    book.ledgers = {}
    for day in DAYS:
        if day != DAYS[4]:
            book.settle(day)
            book.ledgers[day] = ledger_of(book, "2026-01-16") if day > "2026-01-15" else None
    return book


def ledger_of(book, as_of):
    return millrace.settled(PipelineHandle(book.pipeline), str(book.root), as_of=as_of)


def test_what_is_settled_later_changes_nothing_of_an_earlier_days_ledger(settled_book):
    ledgers = [each for each in settled_book.ledgers.values() if each is not None]
    assert len(ledgers) == 4
    assert all(each == ledgers[0] for each in ledgers)
    assert [each["partition"] for each in ledgers[0]["settlements"]] == [
        day for day in DAYS if day < "2026-01-16" and day != DAYS[4]
    ]
    assert ledgers[0]["missing"] == [DAYS[4]]


def test_counts_of_weeks_are_those_of_the_rows(settled_book):
    found = ledger_of(settled_book, "2026-01-20")["cumulative"]
    # Settled in the last 7 days were those of 13 to 19 but the one of 14; labels take three days.
    of_week = [
        day for day in DAYS if "2026-01-10" <= day <= "2026-01-16" and day != "2026-01-11"
    ]
    given, first, second = (each for each in found if each["days"] == 7)
    for each, days in (
        (given, of_week),
        (first, [d for d in of_week if d < DAYS[5]]),
        (second, [d for d in of_week if d >= DAYS[5]]),
    ):
        assert each["partitions"] == days
        y = np.concatenate([settled_book.rows[d]["tx_fraud"] for d in days]).astype(bool)
        chance = np.concatenate([settled_book.rows[d]["chance"] for d in days])
        alert = chance.astype(np.float32).astype(float) >= 0.3
        metrics = each["metrics"]
        assert (metrics["rows"], metrics["events"]) == (len(y), y.sum())
        assert metrics["caught"] == (alert & y).sum()
        assert metrics["precision"] == pytest.approx((alert & y).sum() / alert.sum())
        assert metrics["recall"] == pytest.approx((alert & y).sum() / y.sum())
        assert metrics["brier"] == pytest.approx(np.mean((chance - y) ** 2), abs=1e-6)
        low, high = each["intervals"]["recall"]
        assert low < metrics["recall"] < high
    assert [each["model_version"] for each in (given, first, second)] == [None, 1, 2]


def test_errors_of_estimates_are_means_over_what_was_given(settled_book):
    ledger = ledger_of(settled_book, "2026-01-20")
    errors = [
        m["errors"]["events"]
        for each in ledger["settlements"]
        for matured in each["matured"]
        for m in matured.get("models", ())
    ]
    assert ledger["estimate_errors"]["events"] == {
        "partitions": len(errors),
        "mean_error": pytest.approx(np.mean(errors)),
        "mean_absolute_error": pytest.approx(np.mean(np.abs(errors))),
    }


def test_an_entity_that_is_seen_daily_makes_weeks_less_certain(tmp_path):
    """One entity has all events: over three days its resamples go together, and the spread does not shrink."""
    widths = {}
    for name, owners in (("one", 1), ("many", 400)):
        book = Book(tmp_path / name, small(bootstrap_samples=40))
        for n in range(10, 16):
            rows = drawn_rows(book.pipeline, f"2026-01-{n}", n, entities=owners)
            book.features(f"2026-01-{n}", rows)
            book.scores(f"2026-01-{n}", scores_of_rows(rows))
            book.settle(f"2026-01-{n}")
        (given, _) = (e for e in ledger_of(book, "2026-01-16")["cumulative"] if e["days"] == 7)
        low, high = given["intervals"]["events"]
        widths[name] = (high - low) / given["metrics"]["events"]
    assert widths["one"] > 3 * widths["many"]


@pytest.mark.parametrize(
    ("as_of", "error", "says"),
    [
        (
            "2026-01-10",
            InputMissingError,
            "no partition that is over before 2026-01-10 is settled.*stage settle",
        ),
        ("10.01.2026", ConfigError, "--as-of '10.01.2026' is not a calendar day"),
        ("2026-13-01", ConfigError, "--as-of '2026-13-01' is not a calendar day"),
        (None, ConfigError, "--as-of must be a text"),
    ],
)
def test_a_day_without_a_ledger_is_an_error(settled_book, as_of, error, says):
    with pytest.raises(error, match=says):
        ledger_of(settled_book, as_of)


def test_rates_are_pooled_from_counts_and_others_averaged():
    pooled = pooled_metrics(
        [
            {
                "alerts": 10.0,
                "caught": 5.0,
                "events": 5.0,
                "precision": 0.5,
                "recall": 1.0,
                "auc": 0.5,
            },
            {"alerts": 0.0, "caught": 0.0, "events": 15.0, "recall": 0.0, "auc": 0.9},
        ]
    )
    assert pooled == {
        "alerts": 10.0,
        "caught": 5.0,
        "events": 20.0,
        "precision": 0.5,
        "recall": 0.25,
        "auc": 0.7,
    }
