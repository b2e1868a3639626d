import contextlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.preprocessing import StandardScaler

from pipelines.core.days import days_between, shift
from pipelines.core.errors import (
    ColumnMismatchError,
    InputMismatchError,
    InputMissingError,
    PartitionRefusedError,
    TrainingError,
    TransientError,
)
from pipelines.protocol import perform, stage_named
from pipelines.spec import Split
from pipelines.stages.preprocess import stage as preprocess
from tests.pipelines.made_models import scaling_of
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    publish_days,
    publish_validated,
    rows_of,
    small_pipeline,
    work_on,
)

PREPROCESS, FEATURIZE = stage_named("preprocess"), stage_named("featurize")
PIPELINE = small_pipeline()
# Three training days from the third on, one gap day, two test days, labels a day later.
AS_OF = shift(FIRST, 9)
DAYS = days_between(shift(FIRST, 2), shift(FIRST, 7))
KEYS = ["transaction_id", "tx_datetime", "customer_id", "terminal_id"]


def featurize(root, days, pipeline=PIPELINE):
    for day in days:
        with contextlib.suppress(PartitionRefusedError):
            perform(FEATURIZE, work_on(pipeline, root, partition=day))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with features of eight days; copy it before changing it."""
    root = tmp_path_factory.mktemp("store")
    featurize(root, publish_days(PIPELINE, root, 8))
    return root


@pytest.fixture
def store(made, tmp_path):
    shutil.copytree(made, tmp_path / "store")
    return tmp_path / "store"


def asked(root, pipeline=PIPELINE, **given):
    return work_on(pipeline, root, as_of=AS_OF, **given)


def manifest_of(work):
    return work.find(work.window_ref("training_set"))


def folder_of(work):
    return work.store.open(manifest_of(work))


def features_of(root, days):
    import pandas as pd

    works = [work_on(PIPELINE, root, partition=day) for day in days]
    folders = [w.store.open(w.find(w.partition_ref("features"))) for w in works]
    return pd.concat(pq.read_table(f / "part-0.parquet").to_pandas() for f in folders)


def loaded(folder, part, day, name):
    return np.load(folder / part / f"{day}-{name}.npy", allow_pickle=False)


def test_the_arrays_are_what_scikit_learn_makes_of_the_features(store):
    work = asked(store)
    perform(PREPROCESS, work)
    folder, names = folder_of(work), list(PIPELINE.feature_names())
    scaler = StandardScaler().fit(features_of(store, DAYS[:3])[names].to_numpy())
    for part, days in (("train", DAYS[:3]), ("test", DAYS[4:])):
        for day in days:
            frame = features_of(store, [day])
            x = loaded(folder, part, day, "x")
            assert x.dtype == np.float32
            assert x.flags.c_contiguous
            np.testing.assert_allclose(x, scaler.transform(frame[names].to_numpy()), atol=1e-5)
            y = loaded(folder, part, day, "y")
            assert y.dtype == np.float32
            np.testing.assert_array_equal(y, frame.tx_fraud)


def test_operators_are_fitted_to_the_training_days_alone(store):
    work = asked(store)
    perform(PREPROCESS, work)
    state = json.loads((folder_of(work) / "state.json").read_text())
    frame = features_of(store, DAYS[:3])
    names = list(PIPELINE.feature_names())
    assert state["features"] == names
    assert (state["rows"], state["positives"]) == (len(frame), int(frame.tx_fraud.sum()))
    mean, deviation = scaling_of(folder_of(work))
    np.testing.assert_allclose(mean, frame[names].mean(), rtol=1e-12)
    wanted = frame[names].std(ddof=0).replace(0.0, 1.0)
    np.testing.assert_allclose(deviation, wanted, rtol=1e-9)


def test_the_index_lists_every_day_with_files_that_are_there(store):
    work = asked(store)
    result = perform(PREPROCESS, work)
    folder = folder_of(work)
    index = json.loads((folder / "index.json").read_text())
    assert [e["day"] for part in ("train", "gap", "test") for e in index[part]] == DAYS
    assert index["features"] == list(PIPELINE.feature_names())
    assert "x" not in index["gap"][0], "gap days neither train nor test"
    for entry in (e for part in ("train", "gap", "test") for e in index[part]):
        keys = pq.read_table(folder / entry["keys"])
        assert keys.column_names == KEYS
        assert keys.num_rows == len(np.load(folder / entry["y"])) == entry["rows"] == 60
    assert result["rows"] == 6 * 60
    assert result["metrics"]["train_rows"] == 180.0


def test_test_days_are_not_used_in_the_fit(store):
    work = asked(store)
    perform(PREPROCESS, work)
    before = (folder_of(work) / "state.json").read_bytes()
    day = DAYS[-1]
    publish_validated(
        work_on(PIPELINE, store, partition=day), day, rows_of(PIPELINE, day, seed=3)
    )
    featurize(store, [day])
    assert perform(PREPROCESS, work)["cached"] is False
    assert (folder_of(work) / "state.json").read_bytes() == before


def test_the_same_window_is_made_once_and_alike_wherever_it_runs(store, tmp_path):
    work = asked(store)
    assert [perform(PREPROCESS, work)["cached"] for _ in range(2)] == [False, True]
    shutil.copytree(store, tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / PIPELINE.name / "training_set")
    other = asked(tmp_path / "other", options={"workers": 1})
    assert perform(PREPROCESS, other)["cached"] is False
    assert manifest_of(other).content == manifest_of(work).content


@pytest.mark.slow
def test_a_cluster_makes_the_same_training_set(store, tmp_path):
    shutil.copytree(store, tmp_path / "other")
    work, other = asked(store), asked(tmp_path / "other", options={"in_process_below_rows": 0})
    contents = {perform(PREPROCESS, each)["content"] for each in (work, other)}
    assert len(contents) == 1


def test_days_without_features_are_named(store):
    for day in DAYS[:2]:
        work = work_on(PIPELINE, store, partition=day)
        shutil.rmtree(work.store.folder(work.partition_ref("features")))
    with pytest.raises(
        InputMissingError, match=r"of its 6 days, 2 have no features \(2026-01-03, 2026-01-04\)"
    ):
        perform(PREPROCESS, asked(store))


def test_features_of_a_day_that_was_validated_again_are_refused_until_made_again(store):
    day = DAYS[0]
    publish_validated(
        work_on(PIPELINE, store, partition=day), day, rows_of(PIPELINE, day, seed=4)
    )
    seen_by = DAYS[:4]
    with pytest.raises(InputMissingError, match=rf"4 have features .*replaced \({seen_by[0]}"):
        perform(PREPROCESS, asked(store))
    featurize(store, [day])
    assert perform(PREPROCESS, asked(store))["cached"] is False


def test_a_refused_day_is_left_out_and_listed(store):
    day = DAYS[1]
    publish_validated(work_on(PIPELINE, store, partition=day), day, None)
    featurize(store, [day])
    work = asked(store)
    assert perform(PREPROCESS, work)["metrics"]["train_rows"] == 120.0
    assert manifest_of(work).inputs[f"features/ds={day}"] == "refused"
    index = json.loads((folder_of(work) / "index.json").read_text())
    assert [entry["day"] for entry in index["train"]] == [DAYS[0], DAYS[2]]
    assert index["refused"] == [day]


def test_an_empty_day_is_left_out(store):
    day = DAYS[4]
    publish_validated(
        work_on(PIPELINE, store, partition=day), day, rows_of(PIPELINE, day, n_rows=0)
    )
    featurize(store, [day])
    work = asked(store)
    perform(PREPROCESS, work)
    index = json.loads((folder_of(work) / "index.json").read_text())
    assert [entry["day"] for entry in index["test"]] == [DAYS[5]]


@pytest.mark.parametrize(("fraud", "positives"), [(0, 0), (1, 180)])
def test_training_days_of_one_class_are_refused_with_their_counts(tmp_path, fraud, positives):
    labels = np.full(60, fraud)
    featurize(tmp_path, publish_days(PIPELINE, tmp_path, 8, tx_fraud=labels))
    with pytest.raises(
        TrainingError, match=rf"{positives} of 180 training rows have label 1. Both"
    ):
        perform(PREPROCESS, asked(tmp_path))


def test_training_days_without_rows_are_refused(store):
    for day in DAYS[:3]:
        publish_validated(work_on(PIPELINE, store, partition=day), day, None)
        featurize(store, [day])
    with pytest.raises(TrainingError, match=r"the 3 training days .* hold 0 rows"):
        perform(PREPROCESS, asked(store))


def test_features_of_another_declaration_are_refused_by_name(store):
    fewer = replace(PIPELINE, features=PIPELINE.features[1:])
    with pytest.raises(ColumnMismatchError, match=r"missing: none; unexpected: tx_amount"):
        perform(PREPROCESS, asked(store, fewer))


def test_a_day_made_again_while_this_work_waited_is_worth_a_retry(store, tmp_path):
    work, day = asked(store), DAYS[-1]
    planned = preprocess.plan(work)
    publish_validated(
        work_on(PIPELINE, store, partition=day), day, rows_of(PIPELINE, day, seed=3)
    )
    featurize(store, [day])
    with pytest.raises(TransientError, match="published again while this work waited"):
        preprocess.run(work, planned, tmp_path)


def test_a_missing_value_becomes_the_mean(store):
    day = DAYS[0]
    amounts = rows_of(PIPELINE, day)["tx_amount"].to_pylist()
    table = rows_of(PIPELINE, day, tx_amount=[None, *amounts[1:]])
    publish_validated(work_on(PIPELINE, store, partition=day), day, table)
    featurize(store, [day])
    work = asked(store)
    perform(PREPROCESS, work)
    x = loaded(folder_of(work), "train", day, "x")
    assert x[0, 0] == 0.0
    assert np.isfinite(x).all()


def test_another_split_is_another_training_set(store):
    longer = small_pipeline(split=Split(train_days=4, gap_days=1, test_days=2))
    first = perform(PREPROCESS, asked(store))
    second = perform(PREPROCESS, asked(store, longer))
    assert second["digest"] != first["digest"]
    assert second["metrics"]["train_rows"] == 240.0


def test_planning_imports_nothing_heavy():
    probe = (
        "import sys, pipelines.stages.preprocess.stage\n"
        "print(sorted({'numpy', 'pyarrow', 'dask', 'pandas'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


def republish(root, day):
    """A correction of a day, and the features of the days that it changes."""
    publish_validated(
        work_on(PIPELINE, root, partition=day), day, rows_of(PIPELINE, day, seed=5)
    )
    featurize(root, days_between(day, shift(FIRST, 7)))


def test_the_features_that_were_validated_are_those_of_the_training_set(store):
    """Also where a correction is published meanwhile; the old training set is then found again."""
    validation = perform(stage_named("validate_window"), asked(store))
    before = perform(PREPROCESS, asked(store))
    republish(store, DAYS[1])
    inputs = {"window_validation": validation["digest"]}
    pinned = perform(PREPROCESS, asked(store, inputs=inputs))
    assert pinned["digest"] == before["digest"]
    assert perform(PREPROCESS, asked(store))["content"] != before["content"]


def test_a_window_that_was_validated_for_other_days_is_refused(store):
    validation = perform(stage_named("validate_window"), asked(store))
    inputs = {"window_validation": validation["digest"]}
    fewer = replace(PIPELINE, split=replace(PIPELINE.split, train_days=2))
    with pytest.raises(InputMismatchError, match="is of other days"):
        perform(PREPROCESS, asked(store, fewer, inputs=inputs))


def test_features_that_were_validated_and_removed_since_are_named(store):
    work = asked(store)
    validation = perform(stage_named("validate_window"), work)
    old = work.find(work.partition_ref("features", DAYS[1]))
    republish(store, DAYS[1])
    featurize(store, days_between(DAYS[1], shift(FIRST, 7)))
    shutil.rmtree(work.store.open(old))
    inputs = {"window_validation": validation["digest"]}
    with pytest.raises(InputMissingError, match=rf"ds={DAYS[1]} was published again.*again"):
        perform(PREPROCESS, asked(store, inputs=inputs))
