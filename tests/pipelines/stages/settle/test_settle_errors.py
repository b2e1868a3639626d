"""What cannot be settled: which is an error, which is said, and what to do next."""

import dataclasses
import re

import pyarrow as pa
import pytest

from pipelines.core.errors import ArtifactError, InputMissingError
from pipelines.core.store import Ref
from pipelines.spec import Outcome, Survival
from tests.pipelines.stages.settle.settled_case import Book, drawn_rows, scores_of_rows, small

M, D = "2026-01-10", "2026-01-13"


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path, small())


def unscored(book):
    rows = drawn_rows(book.pipeline, D, 1)
    book.features(D, rows)


def without_features(book):
    rows = drawn_rows(book.pipeline, M, 1)
    book.scores(M, scores_of_rows(rows))
    book.day(D, 2)


def outdated_features(book):
    rows = drawn_rows(book.pipeline, M, 1)
    book.features(M, rows, inputs={f"validated/ds={M}": "replaced since"})
    book.scores(M, scores_of_rows(rows))
    book.day(D, 2)


def repeated_ids(book):
    rows = drawn_rows(book.pipeline, M, 1)
    book.features(M, pa.concat_tables([rows, rows.slice(0, 1)]))
    book.scores(M, scores_of_rows(rows))
    book.day(D, 2)


def another_head(book):
    rows = drawn_rows(book.pipeline, D, 1)
    book.features(D, rows)
    book.scores(D, scores_of_rows(rows).drop_columns(["probability"]))


@pytest.mark.parametrize(
    ("case", "error", "says"),
    [
        (
            unscored,
            InputMissingError,
            r"scores/ds=2026-01-13 is not published.* python -m pipelines stage score fraud_detection --store \S+ "
            r"--partition 2026-01-13$",
        ),
        (
            without_features,
            InputMissingError,
            r"labels of 2026-01-10 are read from its features, and none are published\. Run ingest, validate and "
            r"featurize for 2026-01-10 first",
        ),
        (
            outdated_features,
            InputMissingError,
            "they are of a version that was replaced. Run ingest",
        ),
        (repeated_ids, ArtifactError, "1 of 61 row ids are there more than once"),
        (
            another_head,
            ArtifactError,
            r"part-00000.parquet lacks probability, .* Score the partition again: python -m pipelines stage score "
            r"fraud_detection --partition 2026-01-13",
        ),
    ],
)
def test_what_cannot_be_settled_says_what_to_run(book, case, error, says):
    case(book)
    with pytest.raises(error) as raised:
        book.settle(D)
    assert re.search(says, str(raised.value)), raised.value


def test_a_day_that_was_never_scored_is_said(book):
    book.day(D, 2)
    book.features(M, drawn_rows(book.pipeline, M, 1))
    book.settle(D)
    (matured,) = book.settled(D)["matured"]
    assert "models" not in matured
    assert matured["says"] == (
        "2026-01-10 was never scored, so there is nothing to compare its labels with."
    )


def test_a_day_that_was_refused_since_is_said(book):
    book.day(M, 1)
    book.refuse(M)
    book.day(D, 2)
    book.settle(D)
    assert "refused since" in book.settled(D)["matured"][0]["says"]


def test_a_refused_day_has_no_estimate_and_settles_what_matured_in_it(book):
    book.day(M, 1)
    book.refuse(D)
    book.settle(D)
    settled = book.settled(D)
    assert settled["estimates"] == []
    assert settled["no_estimate"] == "2026-01-13 was refused, so none of its rows was scored."
    assert settled["matured"][0]["models"][0]["metrics"]["rows"] == 60


def test_before_the_first_labels_are_known_there_is_an_estimate_alone(book):
    for day in ("2026-01-01", "2026-01-03"):
        book.day(day, 3)
        result = book.settle(day)
        settled = book.settled(day)
        assert settled["matured"] == []
        assert settled["estimates"][0]["expected"]["rows"] == 60
        assert "No labels became known" in result["reason"]


def test_a_day_without_any_label_is_counted_and_not_measured(book):
    rows = drawn_rows(book.pipeline, M, 1)
    nulls = pa.nulls(len(rows), pa.int64())
    column = rows.column_names.index("tx_fraud")
    book.features(M, rows.set_column(column, "tx_fraud", nulls))
    book.scores(M, scores_of_rows(rows))
    book.day(D, 2)
    book.settle(D)
    (model,) = book.settled(D)["matured"][0]["models"]
    assert model["counts"]["without_label"] == len(rows)
    assert model["metrics"] == {}
    assert "nothing is measured" in model["says"]


def test_a_day_without_rows_is_settled(book):
    rows = drawn_rows(book.pipeline, M, 1)
    for partition in (M, D):
        book.features(partition, rows.slice(0, 0))
        book.scores(partition, scores_of_rows(rows.slice(0, 0)))
    book.settle(D)
    settled = book.settled(D)
    assert settled["estimates"][0]["expected"] == {}
    assert settled["matured"][0]["models"][0]["counts"]["counted"] == 0


def test_a_day_with_one_class_has_the_metrics_that_are_defined(book):
    rows = drawn_rows(book.pipeline, M, 1)
    column = rows.column_names.index("tx_fraud")
    none = pa.array([0] * len(rows))
    book.features(M, rows.set_column(column, "tx_fraud", none))
    book.scores(M, scores_of_rows(rows))
    book.day(D, 2)
    book.settle(D)
    metrics = book.settled(D)["matured"][0]["models"][0]["metrics"]
    assert {"auc", "average_precision", "recall"}.isdisjoint(metrics)
    assert metrics["events"] == 0
    assert metrics["precision"] == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {
                "label": Outcome(
                    table="events",
                    entity="customer",
                    where=("code", 1),
                    horizon_days=2,
                    known_after_days=1,
                )
            },
            "The label is an Outcome: events of table events",
        ),
        ({"head": Survival(cuts_days=(1.0, 2.0))}, "The head is Survival"),
    ],
)
def test_what_is_not_measured_is_said(tmp_path, change, says):
    plain = Book(tmp_path, small())
    plain.day(M, 1)
    plain.day(D, 2)
    book = Book(tmp_path, dataclasses.replace(plain.pipeline, **change))
    book.settle(D)
    settled = book.settled(D)
    assert settled["matured"][0]["says"].startswith(says)
    assert bool(settled["estimates"]) == ("label" in change)


def test_a_page_is_published_beside_every_settlement(book):
    book.day(M, 1)
    book.day(D, 2)
    book.settle(D)
    manifest = book.store.find(Ref(book.pipeline.name, "settlements", f"ds={D}"))
    page = (book.store.open(manifest) / "settlement.html").read_text()
    assert "What came true of 2026-01-10" in page
    assert "no concept drift" in page
    assert page.count("<svg") == 4
