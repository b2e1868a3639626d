"""What a settlement measures, beside the same figures made row by row and by scikit-learn."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from pipelines.core.store.housekeeping import Housekeeping, clean
from pipelines.spec import Costs, MultiClass, Ordinal, Regression
from tests.pipelines.stages.settle.settled_case import (
    AMOUNTS,
    Book,
    drawn_rows,
    scores_of_rows,
    small,
)

COSTS = Costs(missed=100.0, false_alert=5.0, investigator_day=400.0, alerts_per_investigator=40)
M, D = "2026-01-10", "2026-01-13"


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path, small())


def settle_pair(book, rows, scores=None, **more):
    """Publish M as given and D, settle D, and return what it says of M."""
    book.features(M, rows)
    book.scores(M, scores_of_rows(rows) if scores is None else scores, **more)
    book.day(D, 99)
    book.settle(D)
    (matured,) = book.settled(D)["matured"]
    assert matured["partition"] == M
    return matured


def test_realised_metrics_are_those_of_scikit_learn_and_of_counting(tmp_path):
    book = Book(tmp_path, small(costs=COSTS))
    rows = drawn_rows(book.pipeline, M, 1, rows=300)
    rounded = np.round(rows["chance"].to_numpy(), 2)
    scores = scores_of_rows(rows, probability=rounded)
    model = settle_pair(book, rows, scores)["models"][0]
    y, p = rows["tx_fraud"].to_numpy() > 0, scores["probability"].to_numpy()
    alert = scores["decision"].to_numpy(zero_copy_only=False)
    caught, missed, false = (alert & y).sum(), (~alert & y).sum(), (alert & ~y).sum()
    assert model["metrics"] == pytest.approx(
        {
            "auc": roc_auc_score(y, p),
            "average_precision": average_precision_score(y, p),
            "brier": brier_score_loss(y, p.astype(np.float64)),
            "rows": 300,
            "events": y.sum(),
            "alerts": alert.sum(),
            "caught": caught,
            "missed": missed,
            "false_alerts": false,
            "precision": caught / alert.sum(),
            "recall": caught / y.sum(),
            "cost": missed * 100.0 + false * 5.0 + alert.sum() * 10.0,
            "alert_precision": model["metrics"]["alert_precision"],
        }
    )
    assert model["intervals"].keys() == model["metrics"].keys()
    for name, (low, high) in model["intervals"].items():
        assert low <= high
        assert low <= model["metrics"][name] * 1.3, name


def test_alerts_are_those_of_an_evaluation(book):
    rows = drawn_rows(book.pipeline, M, 2, rows=80, entities=12)
    model = settle_pair(book, rows)["models"][0]
    best = {}
    for entity, p, y in zip(
        *(rows[n].to_pylist() for n in ("customer_id", "chance", "tx_fraud")), strict=True
    ):
        was, had = best.get(entity, (0.0, False))
        best[entity] = max(was, np.float32(p)), had or bool(y)
    highest = sorted(best.values(), key=lambda each: -each[0])[:3]
    assert model["metrics"]["alert_precision"] == pytest.approx(
        np.mean([had for _, had in highest])
    )


def test_every_row_is_counted_once_and_joined_by_its_id(book):
    rows = drawn_rows(book.pipeline, M, 3, rows=50)
    labels = rows["tx_fraud"].to_pylist()
    labels[4] = labels[30] = None
    now = rows.set_column(rows.column_names.index("tx_fraud"), "tx_fraud", pa.array(labels))
    # Two rows came after scoring, three scored ones are gone, and the order is another one.
    scores = scores_of_rows(rows.slice(2))
    model_rows = now.slice(0, 47).take(pa.array(np.random.default_rng(0).permutation(47)))
    matured = settle_pair(book, model_rows, scores)
    counts = matured["models"][0]["counts"]
    assert counts == {
        "scored": 48,
        "without_score": 2,
        "no_longer_there": 3,
        "without_label": 2,
        "known": 0,
        "counted": 43,
    }
    assert counts["scored"] == sum(
        counts[n] for n in ("no_longer_there", "without_label", "known", "counted")
    )
    assert matured["labels"]["rows"] == counts["scored"] - 3 + counts["without_score"]
    joined = [n for n in range(2, 47) if labels[n] is not None]
    y, p = (np.array([rows[c][n].as_py() for n in joined]) for c in ("tx_fraud", "chance"))
    assert matured["models"][0]["metrics"]["auc"] == pytest.approx(
        roc_auc_score(y, p.astype(np.float32))
    )


def test_the_estimate_shown_later_is_the_one_that_was_published(book):
    rows = drawn_rows(book.pipeline, M, 4)
    book.features(M, rows)
    book.scores(M, scores_of_rows(rows))
    book.settle(M)
    (first,) = book.settled(M)["estimates"]
    book.day(D, 99)
    book.settle(D)
    model = book.settled(D)["matured"][0]["models"][0]
    assert model["expected"] == first["expected"]
    events = model["expected"]["events"] - model["metrics"]["events"]
    assert model["errors"]["events"] == pytest.approx(events)


def test_each_model_that_scored_a_day_is_measured_once(book):
    rows = drawn_rows(book.pipeline, M, 5)
    other = np.random.default_rng(1).random(len(rows)).astype(np.float32)
    book.features(M, rows)
    book.scores(M, scores_of_rows(rows, version=1, digest="a" * 64, probability=other))
    shadow = scores_of_rows(rows, version=7).select(
        ["transaction_id", "model_version", "score", "probability"]
    )
    now = scores_of_rows(rows, version=2, digest="b" * 64)
    book.scores(M, now, shadow=shadow)
    asked = scores_of_rows(rows, version=4, digest="c" * 64)
    book.scores(M, asked, key=f"version=4/ds={M}")
    book.scores(M, now, key=f"version=2/ds={M}")
    book.day(D, 99)
    book.settle(D)
    models = book.settled(D)["matured"][0]["models"]
    found = [(each["model_version"], each["role"]) for each in models]
    assert found == [(2, "given"), (7, "shadow"), (1, "replaced"), (4, "asked")]
    given, challenger, replaced, _ = models
    assert given["metrics"]["auc"] == challenger["metrics"]["auc"] > replaced["metrics"]["auc"]
    alerts = (rows["chance"].to_numpy().astype(np.float32) >= 0.5).sum()
    assert challenger["metrics"]["alerts"] == alerts


def test_groups_have_rates_and_small_ones_nothing(tmp_path):
    book = Book(tmp_path, small(subgroups=AMOUNTS))
    rows = drawn_rows(book.pipeline, M, 6, rows=300)
    model = settle_pair(book, rows)["models"][0]
    low, high = model["groups"]
    here = rows["tx_amount"].to_numpy() < 50.0
    y, p = rows["tx_fraud"].to_numpy()[here], rows["chance"].to_numpy().astype(np.float32)[here]
    assert low["metrics"]["auc"] == pytest.approx(roc_auc_score(y, p))
    assert (low["group"], low["rows"]) == ("below 50", here.sum())
    assert {"events", "alerts", "caught"}.isdisjoint(high["metrics"])
    few = dataclasses.replace(AMOUNTS[0], cuts=(float(np.sort(rows["tx_amount"])[6]),))
    again = Book(tmp_path, small(subgroups=(few,)))
    again.settle(D)
    small_one, rest = again.settled(D)["matured"][0]["models"][0]["groups"]
    assert small_one["suppressed"]
    assert "metrics" not in small_one
    assert rest["rows"] % 10 == 0


@pytest.mark.parametrize("days_before", [1, 3, 5])
def test_rows_of_an_entity_whose_event_was_known_do_not_count(tmp_path, days_before):
    book = Book(tmp_path, small(exclude_known=True))
    rows = drawn_rows(book.pipeline, M, 7)
    before = f"2026-01-{10 - days_before:02}"
    earlier = drawn_rows(book.pipeline, before, 8)
    book.features(before, earlier)
    matured = settle_pair(book, rows)
    pairs = zip(*(earlier[n].to_pylist() for n in ("customer_id", "tx_fraud")), strict=True)
    events = {entity for entity, y in pairs if y}
    # Known on days after the event's day and the delay of three days.
    known = sum(e in events for e in rows["customer_id"].to_pylist()) if days_before > 3 else 0
    assert matured["models"][0]["counts"]["known"] == known
    assert matured["models"][0]["expected"]["rows"] == len(rows) - known
    assert known or days_before <= 3


@pytest.mark.parametrize("head", [MultiClass(classes=2), Ordinal(classes=3), Regression()])
def test_other_heads_are_measured_and_not_estimated(tmp_path, head):
    book = Book(tmp_path, small(head=head, alert_entity=None))
    rows = drawn_rows(book.pipeline, M, 9)
    scores = scores_of_rows(rows).drop_columns(["probability", "decision"])
    y, p = rows["tx_fraud"].to_numpy(), rows["chance"].to_numpy().astype(np.float32)
    if not isinstance(head, Regression):
        chances = np.stack([1 - p, p, np.zeros_like(p)][: head.classes], axis=1)
        scores = scores.append_column("probabilities", pa.array(list(chances)))
    book.features(M, rows)
    book.scores(M, scores, threshold=None)
    book.scores(D, scores, threshold=None)
    book.settle(D)
    settled = book.settled(D)
    assert settled["estimates"] == []
    assert type(head).__name__ in settled["no_estimate"]
    metrics = settled["matured"][0]["models"][0]["metrics"]
    if isinstance(head, Regression):
        assert metrics["mae"] == pytest.approx(np.abs(p.astype(float) - y).mean())
    else:
        assert metrics["accuracy"] == pytest.approx(((p > 0.5) == y).mean())


def test_without_a_threshold_nothing_is_said_of_alerts(book):
    rows = drawn_rows(book.pipeline, M, 10)
    model = settle_pair(book, rows, scores_of_rows(rows, threshold=None), threshold=None)[
        "models"
    ][0]
    assert "auc" in model["metrics"]
    assert {"alerts", "precision", "cost"}.isdisjoint(model["metrics"] | model["expected"])


def test_a_correction_makes_another_version_and_the_first_is_kept(book):
    rows = drawn_rows(book.pipeline, M, 11)
    settle_pair(book, rows)
    first = book.store.find(book.work(D).partition_ref("settlements"))
    assert book.settle(D)["cached"]
    flipped = 1 - rows["tx_fraud"].to_numpy()
    corrected = rows.set_column(
        rows.column_names.index("tx_fraud"), "tx_fraud", pa.array(flipped)
    )
    book.features(M, corrected)
    assert not book.settle(D)["cached"]
    events = book.settled(D)["matured"][0]["models"][0]["metrics"]["events"]
    assert events == flipped.sum()
    asked = Housekeeping(keep_versions=0, left_before_s=2**40)
    clean(book.store, book.pipeline.name, asked)
    kept = [each.digest for each in book.store.versions(first.ref)]
    assert first.digest in kept
    assert len(kept) == 2
    before = json.loads((book.store.open(first) / "settled.json").read_text())
    assert before["matured"][0]["models"][0]["metrics"]["events"] == len(rows) - flipped.sum()


def test_a_settlement_is_the_same_bytes_in_whatever_order_days_are_settled(tmp_path):
    contents = []
    for name, order in (("up", [10, 11, 12, 13]), ("down", [13, 12, 11, 10])):
        book = Book(tmp_path / name, small())
        for day in (10, 11, 12, 13):
            book.day(f"2026-01-{day}", day)
        contents.append({day: book.settle(f"2026-01-{day}")["content"] for day in order})
    assert contents[0] == contents[1]
