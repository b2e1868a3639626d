"""What each reader gives is what the file has; and which artifacts a caller gets."""

import dataclasses
import pickle
import sys
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import millrace
from millrace.errors import (
    ArtifactError,
    ConfigError,
    InputMismatchError,
    InputMissingError,
    PartitionRefusedError,
)
from pipelines.core.store import Store
from tests.pipelines.made_models import FRAUD, publish, publish_training_set, work_on

NAME = FRAUD.name
DAYS = ["2026-01-01", "2026-01-02", "2026-01-04"]
TYPES = {
    "whole": pa.array([2**53 + 1, None, -1]),
    "small": pa.array([1, None, 3], pa.int8()),
    "number": pa.array([0.1, None, float("inf")]),
    "single": pa.array([0.5, 1.5, None], pa.float32()),
    "text": pa.array(["a", None, ""]),
    "flag": pa.array([True, None, False]),
    "time": pa.array([1_767_229_200_000_000, None, 0], pa.timestamp("us")),
    "money": pa.array([Decimal("1.10"), None, Decimal("2.25")], pa.decimal128(12, 2)),
    "events": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float32(), 2)),
}


def day_table(n):
    """The columns of every type, and the number of the day."""
    return pa.table(TYPES | {"day": pa.array([n] * 3)})


def publish_day(root, day, table, *, dataset="featurize", extra=None, outcome=None, version=0):
    def write(out):
        if table is not None:
            pq.write_table(table, out / "part-0.parquet")
        for name, other in (extra or {}).items():
            pq.write_table(other, out / name)

    _, work = work_on(dataset, root)
    work = dataclasses.replace(work, as_of=None, partition=day)
    return publish(root, dataset, work, write, outcome=outcome, inputs={"v": str(version)})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reading") / "store"
    for n, day in enumerate(DAYS):
        publish_day(folder, day, day_table(n))
    rows, refused = {"rows": 3}, {"verdict": "refused", "reason": "Too few rows."}
    quarantine = {"quarantine.parquet": pa.table({"_rule": ["tx_amount.range"]})}
    publish_day(
        folder, DAYS[0], day_table(0), dataset="validate", extra=quarantine, outcome=rows
    )
    publish_day(folder, DAYS[1], None, dataset="validate", extra=quarantine, outcome=refused)
    return folder


@pytest.fixture(scope="module")
def store(root):
    return millrace.open_store(root)


def test_what_was_chosen_shows_in_a_line(store):
    found = store.dataset(NAME, "features")
    keys = "ds=2026-01-01, ds=2026-01-02, ds=2026-01-04"
    assert repr(found) == f"<PublishedDataset {NAME}/features: {keys}; 0 rows>"
    opened = millrace.pipeline(NAME, {"training.epochs": 3})
    assert repr(opened) == f"<PipelineHandle {NAME} training.epochs=3>"


WHOLE = pa.concat_tables([day_table(n) for n in range(3)])


@settings(max_examples=15)
@given(columns=st.lists(st.sampled_from(WHOLE.column_names), min_size=1, unique=True))
def test_every_reader_gives_the_columns_of_the_files(store, columns):
    wanted = WHOLE.select(columns)
    found = store.dataset(NAME, "features")
    assert found.to_arrow(columns).equals(wanted)
    assert found.to_arrow_dataset().to_table(columns).equals(wanted)
    assert pa.Table.from_pandas(found.to_pandas(columns)).cast(wanted.schema).equals(wanted)
    assert found.to_polars(columns).to_dict(as_series=False) == wanted.to_pydict()


def test_dask_has_a_partition_a_file_with_the_types_that_it_promises(store):
    found = store.dataset(NAME, "features")
    lazy = found.to_dask()
    assert lazy.npartitions == len(DAYS)
    eager = lazy.compute(scheduler="sync")
    assert (eager.dtypes == lazy.dtypes).all()
    assert pa.Table.from_pandas(eager, preserve_index=False).cast(WHOLE.schema).equals(WHOLE)
    assert found.to_dask(["day"])["day"].sum().compute(scheduler="sync") == 9


@pytest.mark.parametrize(
    ("chosen", "days"),
    [
        ({}, [0, 1, 2]),
        ({"partition": DAYS[1]}, [1]),
        ({"from_": DAYS[0], "to": DAYS[1]}, [0, 1]),
        ({"from_": DAYS[1], "to": DAYS[2], "missing": "skip"}, [1, 2]),
        ({"partition": DAYS[0], "as_of": "2026-01-09"}, [0]),
    ],
)
def test_days_are_chosen_alone_as_a_range_or_all(store, chosen, days):
    found = store.dataset(NAME, "features", **chosen)
    assert found.keys == [f"ds={DAYS[n]}" for n in days]
    assert found.to_arrow(["day"])["day"].to_pylist() == [n for n in days for _ in range(3)]


def test_a_day_that_is_missing_in_a_range_is_an_error(store):
    with pytest.raises(InputMissingError, match=r"ds=2026-01-03 is not published.*3 keys"):
        store.dataset(NAME, "features", from_=DAYS[0], to=DAYS[2])
    with pytest.raises(InputMissingError, match="are not published"):
        store.dataset(NAME, "features", from_="2025-01-01", to="2025-01-02", missing="skip")


def test_a_refused_day_has_no_rows_and_its_quarantine_can_be_read(store):
    assert store.dataset(NAME, "validated").refused == [f"ds={DAYS[1]}"]
    assert store.dataset(NAME, "validated").to_arrow().num_rows == 3
    alone = store.dataset(NAME, "validated", partition=DAYS[1])
    with pytest.raises(PartitionRefusedError, match="Too few rows"):
        alone.to_arrow()
    assert alone.to_arrow(table="quarantine").num_rows == 1


def test_a_version_that_was_replaced_is_read_by_its_digest(tmp_path):
    first = publish_day(tmp_path, DAYS[0], day_table(0), version=1)
    second = publish_day(tmp_path, DAYS[0], day_table(5), version=2)
    store = millrace.open_store(f"file://{tmp_path}")
    versions = store.versions(NAME, "features", partition=DAYS[0])
    assert {v.digest: v.published for v in versions} == {
        first.digest: False,
        second.digest: True,
    }
    for digest, day in ((first.digest, 0), (second.digest[:16], 5)):
        found = store.dataset(NAME, "features", version=digest)
        assert set(found.to_arrow(["day"])["day"].to_pylist()) == {day}


def test_rows_that_arrived_late_are_read_as_known_on_a_day(tmp_path):
    late = {"part-known=2026-01-03.parquet": day_table(3)}
    publish_day(tmp_path, DAYS[0], day_table(1), extra=late)
    store = millrace.open_store(tmp_path)
    for as_of, day in (("2026-01-02", 1), ("2026-01-03", 1), ("2026-01-04", 3), (None, 3)):
        found = store.dataset(NAME, "features", partition=DAYS[0], as_of=as_of)
        assert set(found.to_arrow(["day"])["day"].to_pylist()) == {day}


def test_days_of_other_columns_are_not_put_together_by_guess(tmp_path):
    publish_day(tmp_path, DAYS[0], day_table(0))
    publish_day(tmp_path, DAYS[1], day_table(1).drop_columns(["text"]))
    found = millrace.open_store(tmp_path).dataset(NAME, "features")
    with pytest.raises(InputMismatchError, match="differ in text"):
        found.to_arrow()
    assert found.to_arrow(["day", "whole"]).num_rows == 6


@pytest.mark.parametrize("reader", ["to_arrow", "to_arrow_dataset", "to_pandas", "to_polars"])
def test_a_damaged_file_is_an_error_in_every_reader(tmp_path, reader):
    manifest = publish_day(tmp_path, DAYS[0], day_table(0))
    found = millrace.open_store(tmp_path).dataset(NAME, "features")
    flip(tmp_path, manifest)
    with pytest.raises(ArtifactError, match=r"part-0.parquet holds other bytes.*Run featurize"):
        getattr(found, reader)()


def test_damage_after_a_dask_frame_was_made_is_found_where_it_is_computed(tmp_path):
    manifest = publish_day(tmp_path, DAYS[0], day_table(0))
    lazy = millrace.open_store(tmp_path).dataset(NAME, "features").to_dask()
    flip(tmp_path, manifest)
    with pytest.raises(ArtifactError, match="holds other bytes"):
        lazy.compute(scheduler="sync")


def flip(root, manifest):
    """Turn a bit of the rows: the size stays."""
    store = Store(str(root))
    path = store.folder(manifest.ref) / manifest.version / "part-0.parquet"
    raw = bytearray(path.read_bytes())
    raw[60] ^= 1
    path.write_bytes(raw)


def test_a_training_set_has_the_arrays_that_training_reads(store, tmp_path):
    publish_training_set(tmp_path, rows=20)
    found = millrace.open_store(tmp_path).dataset(NAME, "training_set")
    arrays = found.to_numpy("test")
    folder, index = found.folder(), found.read_json("index.json")
    for name in ("x", "y"):
        own = np.concatenate([np.load(folder / day[name]) for day in index["test"]])
        assert np.array_equal(arrays[name], own)
    assert len(arrays["y"]) == found.to_arrow(table="test").num_rows
    assert set(found.to_numpy("gap")) == {"y"}
    with pytest.raises(ConfigError, match="has no part 'tests'"):
        found.to_numpy("tests")
    with pytest.raises(ConfigError, match="is not a training set"):
        store.dataset(NAME, "features", partition=DAYS[0]).to_numpy("train")


def test_a_store_of_another_machine_is_read_like_a_local_one(root, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(root), "/elsewhere", recursive=True)
    store = millrace.open_store("memory://elsewhere")
    assert store.datasets(NAME) == millrace.open_store(root).datasets(NAME)
    assert store.partitions(NAME, "features") == DAYS
    assert store.dataset(NAME, "features").to_arrow().equals(WHOLE)
    memory.rm("/elsewhere", recursive=True)


def test_a_dataset_goes_to_another_process_and_reads_the_same_there(store):
    found = pickle.loads(pickle.dumps(store.dataset(NAME, "features", partition=DAYS[0])))
    assert found.to_arrow().equals(day_table(0))
    lazy = store.dataset(NAME, "features").to_dask(["day"])
    assert lazy["day"].sum().compute(scheduler="processes", num_workers=1) == 9


def test_a_library_that_is_not_installed_is_named(store, monkeypatch):
    for library, reader in (("polars", "to_polars"), ("dask.dataframe", "to_dask")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ConfigError, match=rf"{reader}\(\) needs {library}.*pip install"):
            getattr(store.dataset(NAME, "features"), reader)()
