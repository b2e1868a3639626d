"""A pipeline with every kind of operator, from features to training sets, day by day."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between, shift
from pipelines.core.errors import ColumnMismatchError, OutOfMemoryError
from pipelines.core.store.why import explain
from pipelines.operators import moments
from pipelines.operators.state import read_program
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables import schema
from pipelines.shared.tables.values import read_rows, read_values
from pipelines.spec import (
    Categorical,
    Column,
    Fill,
    Hash,
    Hour,
    Log,
    Numeric,
    QuantileBuckets,
    Ratio,
    Sequence,
    Standardise,
    Trailing,
    Visits,
    Vocabulary,
    load,
)
from pipelines.stages.evaluate.rows import read_inputs
from pipelines.stages.preprocess import row_ranges, shards
from pipelines.stages.train.shards import open_shards
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    publish_validated,
    rows_of,
    small_pipeline,
    work_on,
)

FEATURIZE, PREPROCESS = stage_named("featurize"), stage_named("preprocess")
AS_OF = shift(FIRST, 9)
TRAIN = days_between(shift(FIRST, 2), shift(FIRST, 4))
FRAUD = load("fraud_detection")
TABLE = replace(
    FRAUD.table, columns=(*FRAUD.table.columns, Column("shop", "text", nullable=True))
)
AMOUNT = Numeric("tx_amount") >> Fill("median") >> Standardise()
LOGGED = Numeric("tx_amount") >> Log() >> Standardise()


def pipeline_of(*features):
    return small_pipeline(tables=(TABLE,), features=features)


PIPELINE = pipeline_of(
    AMOUNT,
    Hour("tx_datetime"),
    Numeric("tx_amount") >> QuantileBuckets(4),
    Trailing("customer", ("mean",), (2,), column="tx_amount"),
    Ratio("tx_amount", "customer_mean_tx_amount_2d") >> Log() >> Standardise(),
    Categorical("shop") >> Vocabulary(min_count=8),
    Categorical("shop") >> Hash(16),
    Categorical("terminal_id"),
)


def day_rows(day):
    """A day with a text column, some of it null, and some unknown amounts."""
    seed = int(day[-2:])
    rng = np.random.default_rng([7, seed])
    words = np.array(["books", "fuel", "food", "", f"new {seed % 3}", None], object)
    plain = rows_of(FRAUD, day)
    amount = [None if rng.random() < 0.05 else v for v in plain["tx_amount"].to_pylist()]
    shop = words[rng.choice(6, plain.num_rows, p=[0.3, 0.3, 0.2, 0.05, 0.1, 0.05])]
    columns = {name: plain[name] for name in plain.column_names}
    columns |= {"tx_amount": pa.array(amount), "shop": pa.array(shop, pa.string())}
    full = schema.table_schema(TABLE)
    return pa.table({name: columns[name] for name in full.names}).cast(full)


def featurized(root, pipeline, days):
    for day in days:
        work = work_on(pipeline, root, partition=day)
        publish_validated(work, day, day_rows(day))
        perform(FEATURIZE, work)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    return featurized(root, PIPELINE, days_between(FIRST, shift(FIRST, 8)))


@pytest.fixture
def store(made, tmp_path):
    shutil.copytree(made, tmp_path / "store")
    return tmp_path / "store"


def asked(root, pipeline=PIPELINE, as_of=AS_OF, **given):
    return work_on(pipeline, root, as_of=as_of, **given)


def folder_of(work):
    return work.store.open(work.find(work.window_ref("training_set")))


def statistics_on(work, day):
    return work.find(work.partition_ref("statistics", day))


def raw_rows(days):
    return pa.concat_tables([day_rows(day) for day in days])


def ids_of(folder, part, days):
    return np.concatenate([np.load(folder / part / f"{day}-ids.npy") for day in days])


def columns_read():
    """Record which columns are read for statistics, while they are read as usual."""
    seen = []

    def spy(xp, path, first, rows, kinds):
        seen.append(frozenset(kinds))
        return read_rows(xp, path, first, rows, kinds)

    return seen, patch.object(row_ranges, "read_rows", spy)


def test_text_columns_and_ids_become_categories_counted_over_the_training_days(store):
    work = asked(store)
    perform(PREPROCESS, work)
    folder = folder_of(work)
    index = json.loads((folder / "index.json").read_text())
    named = [each["name"] for each in index["inputs"]["categorical"]]
    assert named == ["tx_amount_bucket", "shop", "shop_hash", "terminal_id"]
    for position, column, least in ((1, "shop", 8), (3, "terminal_id", 1)):
        values = raw_rows(TRAIN)[column].to_pylist()
        counts = Counter(v for v in values if v not in (None, ""))
        kept = sorted((v for v in counts if counts[v] >= least), key=lambda v: (-counts[v], v))
        assert index["inputs"]["categorical"][position]["size"] == len(kept) + 2
        known = {value: 2 + n for n, value in enumerate(kept)} | {None: 0, "": 0}
        for part, days in (
            ("train", TRAIN),
            ("test", days_between(shift(FIRST, 6), shift(FIRST, 7))),
        ):
            wanted = [known.get(v, 1) for v in raw_rows(days)[column].to_pylist()]
            assert ids_of(folder, part, days)[:, position].tolist() == wanted


def test_the_index_describes_each_array(store):
    work = asked(store)
    perform(PREPROCESS, work)
    folder = folder_of(work)
    index = json.loads((folder / "index.json").read_text())
    inputs = index["inputs"]
    assert inputs["numeric"] == [
        "tx_amount",
        "hour",
        "customer_mean_tx_amount_2d",
        "tx_amount_per_customer_mean_tx_amount_2d_log",
    ]
    assert inputs["sequences"] == []
    assert index["label"] == {"column": "tx_fraud"}
    for entry in index["train"]:
        x, ids = (np.load(folder / entry[name], mmap_mode="r") for name in ("x", "ids"))
        assert (x.dtype, x.shape) == (np.float32, (60, 4))
        assert (ids.dtype, ids.shape) == (np.int32, (60, 4))
        sizes = [each["size"] for each in inputs["categorical"]]
        assert (ids.max(axis=0) < sizes).all()


def test_the_published_program_makes_the_published_arrays(store):
    work = asked(store)
    perform(PREPROCESS, work)
    folder, day = folder_of(work), TRAIN[1]
    fitted = read_program(folder)
    features = work.store.open(work.find(work.partition_ref("features", day)))
    columns = read_values(np, features / "part-0.parquet", 0, fitted.program.kinds)
    for name, values in fitted.transform(np, columns).items():
        np.testing.assert_array_equal(values, np.load(folder / "train" / f"{day}-{name}.npy"))


def test_a_later_window_reads_the_new_day_alone(store):
    perform(PREPROCESS, asked(store))
    before = {day: statistics_on(asked(store), day).made for day in TRAIN}
    seen, spying = columns_read()
    with spying:
        perform(PREPROCESS, asked(store, as_of=shift(AS_OF, 1)))
    assert len(seen) == 1
    for day in TRAIN[1:]:
        assert statistics_on(asked(store), day).made == before[day]
    assert statistics_on(asked(store), shift(TRAIN[-1], 1)) is not None


def test_a_changed_operator_reads_its_own_column_and_no_features_are_made_again(store):
    perform(PREPROCESS, asked(store))
    changed = replace(PIPELINE, features=(LOGGED, *PIPELINE.features[1:]))
    day = work_on(changed, store, partition=TRAIN[0])
    assert perform(FEATURIZE, day)["cached"] is True
    seen, spying = columns_read()
    with spying:
        assert perform(PREPROCESS, asked(store, changed))["cached"] is False
    assert seen == [frozenset({"tx_amount"})] * len(TRAIN)
    explained = explain(day.store, f"{changed.name}/statistics/ds={TRAIN[0]}")
    differs = "\n".join(explained["earlier"][0]["differs"])
    assert "tx_amount >> Log() >> Standardise(): absent -> learnt" in differs
    assert "shop" not in differs
    seen.clear()
    with spying:
        perform(PREPROCESS, asked(store))
    assert seen == [], "earlier statistics are found again"


def test_reused_statistics_equal_new_ones(store, tmp_path):
    shutil.copytree(store, tmp_path / "fresh")
    perform(
        PREPROCESS, asked(store, replace(PIPELINE, features=(LOGGED, *PIPELINE.features[1:])))
    )
    contents = {
        perform(PREPROCESS, asked(root))["content"] for root in (store, tmp_path / "fresh")
    }
    assert len(contents) == 1


EVERY = replace(
    PIPELINE,
    features=(
        *PIPELINE.features,
        Sequence("customer", ("tx_amount",), steps=3, within_days=2),
        Visits("customer", "shop", "tx_amount", ("books",), ("fuel",), steps=2, within_days=2)
        >> Fill("median")
        >> Standardise(),
    ),
)


@pytest.fixture
def every(tmp_path, monkeypatch):
    """A store with features of every kind, where statistics are computed by chunks of 8 rows."""
    monkeypatch.setattr(moments, "CHUNK_ROWS", 8)
    return featurized(tmp_path / "every", EVERY, days_between(FIRST, shift(FIRST, 8)))


def content_of(root, name, pipeline=EVERY):
    """The content that preprocess makes in a copy of a store, and the digest of the training days' statistics."""
    shutil.copytree(root, root.parent / name)
    made = asked(root.parent / name, pipeline)
    found = perform(PREPROCESS, made)["content"]
    return found, [statistics_on(made, day).content for day in TRAIN]


def test_row_groups_of_the_features_change_no_bit_of_statistics_and_arrays(
    every, tmp_path, monkeypatch
):
    wanted = content_of(every, "whole")
    monkeypatch.setattr(schema, "GROUP_ROWS", 17)
    days = days_between(FIRST, shift(FIRST, 8))
    cut = featurized(tmp_path / "cut", EVERY, days)
    part = _part(asked(cut, EVERY), TRAIN[0])
    assert pq.read_metadata(part).num_row_groups == 4
    whole_part = _part(asked(every, EVERY), TRAIN[0])
    # As text: NaN is equal to itself.
    assert str(pq.read_table(part).to_pylist()) == str(pq.read_table(whole_part).to_pylist())
    work = asked(cut, EVERY)
    perform(PREPROCESS, work)
    whole, parts = (folder_of(each) for each in (asked(tmp_path / "whole", EVERY), work))
    assert [statistics_on(work, day).content for day in TRAIN] == wanted[1]
    made = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file())
    assert {p.suffix for p in made} == {".json", ".npy", ".parquet"}
    for path in made:
        if path.name != "manifest.json":
            assert (parts / path).read_bytes() == (whole / path).read_bytes(), path


def test_the_number_of_buckets_changes_no_window(every, tmp_path):
    days = days_between(FIRST, shift(FIRST, 3))
    for buckets in (1, 7):
        other = replace(EVERY, buckets=buckets)
        root = featurized(tmp_path / f"{buckets}", other, days)
        ours, theirs = (
            _part(asked(store, pipeline), days[-1])
            for store, pipeline in ((every, EVERY), (root, other))
        )
        assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("range_rows", [8, 24, 64])
def test_the_size_of_row_ranges_changes_no_bit(every, monkeypatch, range_rows):
    wanted = content_of(every, "whole")
    monkeypatch.setattr(row_ranges, "RANGE_ROWS", range_rows)
    found = content_of(every, "cut")
    assert found[1] == wanted[1]
    assert found[0] == wanted[0]


@pytest.mark.parametrize("starving", [row_ranges, shards])
def test_a_task_without_memory_is_halved_twice_and_gives_the_same_bytes(
    every, monkeypatch, starving
):
    wanted, taken = content_of(every, "whole"), []

    def short(xp, path, first, rows, kinds):
        if rows > 16:
            raise MemoryError(f"Unable to allocate {rows} rows")
        taken.append(rows)
        return read_rows(xp, path, first, rows, kinds)

    monkeypatch.setattr(starving, "read_rows", short)
    assert content_of(every, "short") == wanted
    assert set(taken) == {16, 12}, (
        "60 rows are halved between chunks, 32 and 28, and then again"
    )


def test_a_task_out_of_memory_after_two_halvings_is_an_error(every, monkeypatch):
    def short(xp, path, first, rows, kinds):
        raise MemoryError(f"Unable to allocate {rows} rows")

    monkeypatch.setattr(row_ranges, "read_rows", short)
    with pytest.raises(OutOfMemoryError, match=r"split 2 times \(Unable to allocate 16 rows\)"):
        content_of(every, "short")


def test_bfloat16_arrays_are_the_rounded_ones_at_half_the_bytes(store, tmp_path):
    half = replace(PIPELINE, x_type="bfloat16")
    works = asked(store), asked(store, half)
    folders = []
    for work in works:
        perform(PREPROCESS, work)
        folders.append(folder_of(work))
    index = json.loads((folders[1] / "index.json").read_text())
    assert index["types"] == {"x": "bfloat16", "ids": "int32", "y": "float32"}
    for entry in (*index["train"], *index["test"]):
        full, bits = (np.load(folder / entry["x"]) for folder in folders)
        assert (bits.dtype, bits.nbytes * 2) == (np.uint16, full.nbytes)
        np.testing.assert_array_equal(bits.view(ml_dtypes.bfloat16), full.astype("bfloat16"))
        for name in ("ids", "y"):
            ours, theirs = (folder / entry[name] for folder in folders)
            assert ours.read_bytes() == theirs.read_bytes()
    rows = read_inputs(folders[1], index["test"])["x"]
    assert rows.dtype == np.float32
    mapped, held = open_shards(folders[1]), {}
    held = mapped.empty(60)
    mapped.copy(0, 60, held, 0)
    first = np.load(folders[0] / index["train"][0]["x"]).astype("bfloat16").astype("float32")
    np.testing.assert_array_equal(held["x"], first)


def _part(work, day):
    manifest = work.find(work.partition_ref("features", day))
    return work.store.open(manifest) / "part-0.parquet"


def test_a_category_that_the_features_lack_is_named(store):
    more = replace(PIPELINE, features=(*PIPELINE.features, Categorical("customer_id")))
    perform(PREPROCESS, asked(store, more))
    fewer = featurized(store, pipeline_of(*PIPELINE.features[:4]), TRAIN)
    with pytest.raises(ColumnMismatchError, match=r"missing: shop; unexpected: none"):
        perform(PREPROCESS, asked(fewer))


def test_events_of_a_sequence_are_standardised_and_nothing_is_behind_the_last(store):
    pipeline = pipeline_of(Sequence("customer", ("tx_amount",), steps=3, within_days=2))
    featurized(store, pipeline, days_between(FIRST, shift(FIRST, 8)))
    work = asked(store, pipeline)
    perform(PREPROCESS, work)
    folder = folder_of(work)
    index = json.loads((folder / "index.json").read_text())
    (named,) = index["inputs"]["sequences"]
    assert named == {
        "name": "customer_last_3",
        "steps": 3,
        "features": ["tx_amount", "days_ago"],
    }
    events, there = [], []
    for day in TRAIN:
        table = pq.read_table(_part(work, day))
        block = np.array(table["seq_customer_last_3"].to_pylist(), float).reshape(-1, 3, 2)
        length = table["len_customer_last_3"].to_numpy()
        events.append(block)
        there.append(np.arange(3)[None, :] < length[:, None])
    raw, valid = np.concatenate(events), np.concatenate(there)
    known = np.where(valid[:, :, None], raw, np.nan)
    mean, spread = np.nanmean(known, axis=(0, 1)), np.nanstd(known, axis=(0, 1))
    wanted = np.nan_to_num((known - mean) / spread)
    found = [np.load(folder / e["seq_customer_last_3"]) for e in index["train"]]
    lengths = [np.load(folder / e["len_customer_last_3"]) for e in index["train"]]
    assert (found[0].dtype, lengths[0].dtype) == (np.float32, np.int32)
    np.testing.assert_allclose(np.concatenate(found), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate(lengths), valid.sum(axis=1))
    assert "x" not in index["train"][0]


def test_values_of_visits_are_standardised_and_their_flags_are_1_and_0(store):
    visits = Visits(
        "customer", "shop", "tx_amount", ("books",), ("fuel",), steps=2, within_days=2
    )
    pipeline = pipeline_of(visits >> Fill("mean") >> Standardise())
    featurized(store, pipeline, days_between(FIRST, shift(FIRST, 8)))
    work = asked(store, pipeline)
    perform(PREPROCESS, work)
    folder = folder_of(work)
    index = json.loads((folder / "index.json").read_text())
    (named,) = index["inputs"]["sequences"]
    assert named["features"] == [
        "books",
        "books_measured",
        "fuel",
        "days_ago",
        "days_since_before",
    ]
    tables = [pq.read_table(_part(work, day)) for day in TRAIN]
    raw = np.concatenate(
        [
            np.array(t["seq_customer_visits_2"].to_pylist(), float).reshape(-1, 2, 5)
            for t in tables
        ]
    )
    length = np.concatenate([t["len_customer_visits_2"].to_numpy() for t in tables])
    there = (np.arange(2) < length[:, None])[:, :, None]
    known = np.where(there, raw, np.nan)
    mean, spread = np.nanmean(known, axis=(0, 1)), np.nanstd(known, axis=(0, 1))
    found = np.concatenate(
        [np.load(folder / e["seq_customer_visits_2"]) for e in index["train"]]
    )
    for nth in (0, 3, 4):
        wanted = np.nan_to_num((known[:, :, nth] - mean[nth]) / spread[nth])
        np.testing.assert_allclose(found[:, :, nth], wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found[:, :, 1:3], np.nan_to_num(known[:, :, 1:3]))
    assert set(np.unique(found[:, :, 1:3])) == {0.0, 1.0}
