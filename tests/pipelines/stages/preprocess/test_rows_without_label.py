"""Rows whose label never comes: in windows and features, not in training."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between, shift
from pipelines.core.errors import TrainingError
from pipelines.operators.state import read_program
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables.values import served
from pipelines.spec import Categorical, Column, Sequence
from pipelines.stages.preprocess import row_ranges
from pipelines.stages.train.golden_rows import golden_rows
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    day_table,
    publish_validated,
    rows_of,
    small_pipeline,
    work_on,
)

PREPROCESS, FEATURIZE = stage_named("preprocess"), stage_named("featurize")
# Three training days from the third on, one gap day, two test days, labels a day later.
AS_OF = shift(FIRST, 9)
DAYS = days_between(shift(FIRST, 2), shift(FIRST, 7))
BARE = DAYS[1]


def pipeline_of():
    """Labels that may be null; numbers, categories and a sequence as inputs."""
    pipeline = small_pipeline()
    columns = tuple(replace(c, nullable=c.name == "tx_fraud") for c in pipeline.table.columns)
    columns = (*columns, Column("kind", "text"))
    return replace(
        pipeline,
        tables=(replace(pipeline.table, columns=columns),),
        features=(
            *pipeline.features,
            Categorical("kind"),
            Sequence("customer", ("tx_amount",), steps=2, within_days=1),
        ),
    )


PIPELINE, CERTAIN = pipeline_of(), small_pipeline()


def labels_of(day):
    """Of one training day no label is known, of the others half of them."""
    labels = rows_of(CERTAIN, day)["tx_fraud"].to_pylist()
    return [None if n % 2 or day == BARE else label for n, label in enumerate(labels)]


def publish(root, labels=labels_of):
    for day in days_between(FIRST, shift(FIRST, 7)):
        rows = rows_of(CERTAIN, day)
        columns = {name: rows[name] for name in CERTAIN.table.column_names()}
        columns |= {"tx_fraud": pa.array(labels(day), pa.int64())}
        columns |= {"kind": [f"kind {n % 3}" for n in range(rows.num_rows)]}
        work = work_on(PIPELINE, root, partition=day)
        publish_validated(work, day, day_table(PIPELINE, columns))
    for day in DAYS:
        perform(FEATURIZE, work_on(PIPELINE, root, partition=day), reach=False)


def features(root, day):
    work = work_on(PIPELINE, root, partition=day)
    return pq.read_table(
        work.store.open(work.find(work.partition_ref("features"))) / "part-0.parquet"
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    publish(root)
    return root


@pytest.fixture(scope="module")
def prepared(store):
    """The result of preprocess, its work, its folder, read seven rows at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_ranges, "RANGE_ROWS", 7)
        work = work_on(PIPELINE, store, as_of=AS_OF)
        result = perform(PREPROCESS, work)
    return result, work, work.store.open(work.find(work.window_ref("training_set")))


def test_training_days_keep_the_rows_with_a_label_and_test_days_every_row(store, prepared):
    _, _, folder = prepared
    index = json.loads((folder / "index.json").read_text())
    assert [day["day"] for day in index["train"]] == [DAYS[0], DAYS[2]]
    fitted = read_program(folder)
    for part in ("train", "test"):
        for day in index[part]:
            table = features(store, day["day"])
            if part == "train":
                table = table.filter(pa.compute.is_valid(table["tx_fraud"]))
            assert day["rows"] == table.num_rows == (30 if part == "train" else 60)
            keys = pq.read_table(folder / day["keys"])
            assert keys["transaction_id"].equals(table["transaction_id"])
            labels = np.load(folder / day["y"])
            assert np.isnan(labels).sum() == table["tx_fraud"].null_count
            np.testing.assert_array_equal(
                labels, table["tx_fraud"].cast(pa.float32()).to_numpy()
            )
            amount = np.load(folder / day["x"])[:, fitted.program.numeric().index("tx_amount")]
            order = np.argsort(table["tx_amount"].to_numpy(), kind="stable")
            assert (np.diff(amount[order]) >= 0).all()
            assert len(np.load(folder / day["ids"])) == day["rows"]
            lengths = np.load(folder / day["len_customer_last_2"])
            assert lengths.tolist() == table["len_customer_last_2"].to_pylist()


def test_they_are_counted_by_part(prepared):
    result, _, folder = prepared
    counts = {
        part: result["metrics"][f"{part}_unlabelled"] for part in ("train", "gap", "test")
    }
    assert counts == {"train": 30 + 60 + 30, "gap": 30, "test": 60}
    state = json.loads((folder / "state.json").read_text())
    assert (state["rows"], state["unlabelled"]) == (60, 120)


def test_golden_rows_are_the_rows_of_the_first_arrays(store, prepared):
    _, work, folder = prepared
    manifest, fitted = work.find(work.window_ref("training_set")), read_program(folder)
    raw = golden_rows(work, manifest, folder, fitted)
    table = features(store, DAYS[0])
    table = table.filter(pa.compute.is_valid(table["tx_fraud"]))
    np.testing.assert_array_equal(raw["tx_amount"], table["tx_amount"].to_numpy())
    assert served(raw["kind"]).tolist() == table["kind"].to_pylist()


def test_windows_over_labels_count_the_known_ones(store):
    day, before = (features(store, each).to_pylist() for each in (DAYS[3], shift(DAYS[3], -1)))
    earlier = features(store, shift(DAYS[3], -2)).to_pylist()
    for row in day:
        reach = row["tx_datetime"] - timedelta(days=1)
        labels = [
            other["tx_fraud"]
            for other in (*earlier, *before)
            if other["terminal_id"] == row["terminal_id"]
            and reach - timedelta(days=1) < other["tx_datetime"] <= reach
        ]
        known = [label for label in labels if label is not None]
        assert row["terminal_count_1d"] == len(labels)
        assert row["terminal_rate_tx_fraud_1d"] == (sum(known) / len(known) if known else 0.0)


def test_training_days_without_any_label_are_an_error(tmp_path):
    publish(tmp_path, labels=lambda day: [None] * 60)
    with pytest.raises(TrainingError, match="hold 180 rows, and none of them has a label"):
        perform(PREPROCESS, work_on(PIPELINE, tmp_path, as_of=AS_OF))
