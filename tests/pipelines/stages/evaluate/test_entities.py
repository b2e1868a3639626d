"""Metrics do not depend on what entities are called, nor on rows without a label."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shared.metrics.bootstrap import resamples
from pipelines.shared.tables.entity_numbers import numbered
from pipelines.spec import Binary, Evaluation, Regression
from pipelines.stages.evaluate.heads import evaluation_of
from pipelines.stages.evaluate.heads.protocol import Yardstick
from pipelines.stages.evaluate.rows import AlertColumns, open_test_rows

COLUMNS = AlertColumns("customer", "at")
YARDSTICK = Yardstick(Evaluation(alerts_per_day=3), Path())
DAYS = {"train": ["2026-01-01"], "gap": ["2026-01-02"], "test": ["2026-01-03", "2026-01-04"]}
ROWS = 80
NAMES = {
    "integer": int,
    "text": lambda n: f"customer {n:03}",
    "unlike": lambda n: f"customer {(n * 37) % 101}|{n}",
}


def training_set(root, named, *, without=0.0, more=0):
    """Labels of 20 customers; a share of the rows of each day has none, and more such rows follow."""
    index, draw = {}, np.random.default_rng(5)
    for part, days in DAYS.items():
        (root / part).mkdir(parents=True)
        index[part] = []
        for day in days:
            customer, y = draw.integers(0, 20, ROWS), (draw.random(ROWS) < 0.2).astype("f4")
            y[draw.random(ROWS) < without] = np.nan
            customer = np.append(customer, np.arange(more))
            y = np.append(y, np.full(more, np.nan, "f4"))
            files = {n: f"{part}/{day}-{n}" for n in ("y.npy", "x.npy", "keys")}
            np.save(root / files["y.npy"], y)
            np.save(root / files["x.npy"], np.zeros((len(y), 1), "f4"))
            at = np.full(len(y), f"{day}T12", "M8[us]")
            keys = {"customer": [named(n) for n in customer], "at": at}
            pq.write_table(pa.table(keys), root / files["keys"])
            named_files = {"y": files["y.npy"], "x": files["x.npy"], "keys": files["keys"]}
            index[part].append({"day": day, "rows": len(y), **named_files})
    (root / "index.json").write_text(json.dumps(index))
    return open_test_rows(root, COLUMNS, known_after_days=0)


def measured(rows, head, first=ROWS):
    """Metrics, and those of a resample, of scores that the first rows of a day determine."""
    draw = np.random.default_rng(9)
    per_day = len(rows.labels) // 2
    score = np.zeros((2, per_day), np.float32)
    score[:, :first] = draw.random((2, first)).round(1)
    score[:, first:] = 1.0
    found = evaluation_of(head).measured(rows, {"score": score.reshape(-1)}, YARDSTICK)
    copies = resamples(int(found.entity_index.max()) + 1, 2, 1)
    return [found.metrics(), *(found.metrics(each) for each in copies)]


@pytest.mark.parametrize("head", [Binary(), Regression()])
def test_names_in_the_order_of_the_integers_give_the_same_metrics_to_the_bit(tmp_path, head):
    plain = training_set(tmp_path / "integer", NAMES["integer"])
    named = training_set(tmp_path / "text", NAMES["text"])
    np.testing.assert_array_equal(plain.counted, named.counted)
    assert not plain.counted.all()
    assert measured(named, head) == measured(plain, head)


def test_names_in_another_order_leave_out_the_same_rows_and_rank_them_alike(tmp_path):
    plain = training_set(tmp_path / "integer", NAMES["integer"])
    named = training_set(tmp_path / "unlike", NAMES["unlike"])
    np.testing.assert_array_equal(plain.counted, named.counted)
    mine, theirs = measured(named, Binary())[0], measured(plain, Binary())[0]
    # Ties of score go to the smaller entity, of which alerts depend.
    assert {n: mine[n] for n in ("auc", "average_precision")} == {
        n: theirs[n] for n in ("auc", "average_precision")
    }


@pytest.mark.parametrize("head", [Binary(), Regression()])
def test_rows_without_a_label_are_in_no_metric(tmp_path, head):
    plain = training_set(tmp_path / "plain", NAMES["text"])
    more = training_set(tmp_path / "more", NAMES["text"], more=15)
    assert int((~more.labelled).sum()) == 30
    assert not more.counted[~more.labelled].any()
    # They have the highest scores, and would fill every alert.
    assert measured(more, head) == measured(plain, head)


@given(
    st.lists(
        st.lists(st.sampled_from(["b", "a", "", "aa", None]), max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_numbers_are_those_of_the_sorted_entities_and_nobody_is_alike_unknown(parts):
    found = numbered([pa.chunked_array([part], pa.string()) for part in parts])
    pairs = [
        (name, int(n))
        for part, own in zip(parts, found, strict=True)
        for name, n in zip(part, own, strict=True)
    ]
    known = {pair for pair in pairs if pair[0] is not None}
    order = [name for name, _ in sorted(known, key=lambda pair: pair[1])]
    assert order == sorted({name for name, _ in known})
    numbers = [n for name, n in pairs if name is None]
    assert len(numbers) == len(set(numbers))
    assert not set(numbers) & {n for _, n in known}


@pytest.mark.parametrize("kind", [pa.int64(), pa.string()])
def test_rows_of_unknown_entities_are_entities_of_their_own(kind):
    values = pa.chunked_array([pa.array([7, None, 2**60, 2**60 + 1, None]).cast(kind)])
    (found,) = numbered([values])
    assert len(set(found.tolist())) == 5


def test_a_row_of_weight_two_counts_as_two_rows(tmp_path):
    rows = training_set(tmp_path, NAMES["text"])
    score = np.random.default_rng(2).random(len(rows.labels)).astype(np.float32)
    heavy = np.flatnonzero(rows.counted)[::3]
    weight = np.ones(len(score))
    weight[heavy] = 2
    again = np.concatenate([np.arange(len(score)), heavy])
    twice = replace(
        rows,
        labels=rows.labels[again],
        day=rows.day[again],
        entity=rows.entity[again],
        counted=rows.counted[again],
        weight=np.ones(len(again)),
    )
    head = evaluation_of(Binary())
    weighed = head.measured(replace(rows, weight=weight), {"score": score}, YARDSTICK)
    copied = head.measured(twice, {"score": score[again]}, YARDSTICK)
    alike = {"auc", "average_precision", "calibration_slope", "calibration_intercept"}
    expected = {n: v for n, v in copied.metrics().items() if n in alike}
    assert {n: weighed.metrics()[n] for n in alike} == pytest.approx(expected, abs=1e-6)
