"""Training sets of cohorts: which rows each part has, what is fitted to, and a cohort that was tampered with."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import ArtifactError, InputMismatchError
from pipelines.operators.state import read_program
from pipelines.shared.tables.cohort_names import COHORT_PARTS, cohort_file
from pipelines.spec import Binary, Numeric, Standardise, Survival
from tests.pipelines.made_models import publish as publish_artifact
from tests.pipelines.stages.cohort.ward import (
    AS_OF,
    BY_BOTH,
    BY_ENTITY,
    HORIZON,
    MONTHS,
    done,
    made,
    published,
    ward,
)
from tests.pipelines.stages.featurize.validated import work_on

SCALED = (Numeric("pressure") >> Standardise(),)
TIMES = ward(
    head=Survival(cuts_days=(30, HORIZON), competing=True), split=BY_BOTH, features=SCALED
)
FLAGS = ward(head=Binary(), split=BY_ENTITY, features=SCALED)
STORY = made(patients=90, visits=700, events=120)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for both: the declarations have the same features."""
    root = tmp_path_factory.mktemp("store")
    published(TIMES, root, STORY)
    return root


@pytest.fixture(scope="module")
def times(store):
    return done("cohort", TIMES, store)[1], done("preprocess", TIMES, store)[1]


@pytest.fixture(scope="module")
def flags(store):
    return done("cohort", FLAGS, store)[1], done("preprocess", FLAGS, store)[1]


def drawn(folder):
    found = {}
    for month in MONTHS:
        path = folder / cohort_file(month)
        if path.exists():
            found |= {row["row_id"]: row for row in pq.read_table(path).to_pylist()}
    return found


def arrays(folder, part, name):
    index = json.loads((folder / "index.json").read_text())
    return np.concatenate([np.load(folder / each[name]) for each in index[part]])


def keys(folder, part):
    index = json.loads((folder / "index.json").read_text())
    tables = [pq.read_table(folder / each["keys"]) for each in index[part]]
    return pa.concat_tables(tables)["visit"].to_pylist()


@pytest.mark.parametrize("case", ["times", "flags"])
def test_each_part_has_its_rows_with_the_labels_of_the_cohort(case, request):
    cohort, folder = request.getfixturevalue(case)
    rows, pressure = drawn(cohort), {v["visit"]: v["pressure"] for v in STORY.visits}
    index = json.loads((folder / "index.json").read_text())
    seen = []
    for part in (p for p in COHORT_PARTS if index[p]):
        visits = keys(folder, part)
        seen += visits
        assert {rows[v]["part"] for v in visits} == {part}
        y = arrays(folder, part, "y")
        label = y[:, 0] if case == "times" else y
        np.testing.assert_array_equal(label, np.float32([rows[v]["label"] for v in visits]))
        if case == "times":
            np.testing.assert_array_equal(
                y[:, 1], [float(rows[v]["competing"]) for v in visits]
            )
        if part == "gap":
            assert "x" not in index[part][0]
            continue
        mean, deviation = fit_of(folder)
        wanted = (np.array([pressure[v] for v in visits]) - mean) / deviation
        np.testing.assert_allclose(
            arrays(folder, part, "x")[:, 0], wanted, rtol=1e-4, atol=1e-5
        )
        if case == "flags":
            weight = arrays(folder, part, "w")
            np.testing.assert_allclose(weight, np.float32([rows[v]["weight"] for v in visits]))
    assert sorted(seen) == sorted(v for v, row in rows.items() if row["part"])


def fit_of(folder):
    (fit,) = (fit for fits in read_program(folder).fits for fit in fits if fit)
    return float(fit["mean"]), float(fit["deviation"])


@pytest.mark.parametrize("case", ["times", "flags"])
def test_only_rows_to_train_on_are_fitted_to(case, request):
    _, folder = request.getfixturevalue(case)
    pressure = {v["visit"]: v["pressure"] for v in STORY.visits}
    values = np.array([pressure[v] for v in keys(folder, "train")])
    assert fit_of(folder) == pytest.approx((values.mean(), values.std()), rel=1e-9)
    state = json.loads((folder / "state.json").read_text())
    assert state["rows"] == len(values)


def test_counts_and_the_chance_to_be_followed_go_with_the_training_set(flags):
    cohort, folder = flags
    for name in ("cohort.json", "censoring.parquet"):
        assert (folder / name).read_bytes() == (cohort / name).read_bytes()


def forged(root, pipeline, change):
    """Publish the cohort anew with one of its files changed."""
    work = work_on(pipeline, root, "2020-01-01", as_of=AS_OF)
    now = work.find(work.window_ref("cohorts"))
    folder = work.store.open(now)

    def write(out):
        for path in folder.iterdir():
            (out / path.name).write_bytes(path.read_bytes())
        change(out)

    given = {"inputs": dict(now.inputs), "config": dict(now.config)}
    publish_artifact(root, "cohort", work, write, outcome=dict(now.outcome), **given)


def to_test(out):
    """Move a training row of a month to the test."""
    path = out / cohort_file("2021-03")
    rows = pq.read_table(path)
    part = rows["part"].to_pylist()
    part[part.index("train")] = "test"
    pq.write_table(rows.set_column(1, "part", pa.array(part)), path)


def shuffle(out):
    path = out / cohort_file("2021-03")
    rows = pq.read_table(path)
    pq.write_table(rows.take(pa.array(range(rows.num_rows))[::-1]), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (to_test, r"members of the entity patient that are tested are trained on as well"),
        (shuffle, r"cohort of 2021-03 is of other rows than its features. Run cohort"),
    ],
)
def test_a_cohort_with_a_patient_on_both_sides_or_of_other_rows_is_refused(
    change, message, store
):
    pipeline = replace(FLAGS, split=replace(BY_ENTITY, fold=1))
    done("cohort", pipeline, store)
    forged(store, pipeline, change)
    with pytest.raises(ArtifactError, match=message):
        done("preprocess", pipeline, store)


def test_a_cohort_of_other_folds_or_other_features_is_refused(store, flags, tmp_path):
    other = replace(FLAGS, split=replace(BY_ENTITY, fold=3))
    with pytest.raises(InputMismatchError, match=r"fold.*Run cohort with this run's settings"):
        done("preprocess", other, store)


def test_the_follow_up_of_test_patients_changes_no_weight_of_a_training_row(flags, tmp_path):
    """The chance to be followed is estimated on training rows alone."""
    cohort, folder = flags
    who = {v["visit"]: v["patient"] for v in STORY.visits}
    tested = {who[v] for v in keys(folder, "test")}
    assert len(tested) > 5
    patients = [p | {"until": None} if p["patient"] in tested else p for p in STORY.patients]
    published(FLAGS, tmp_path, replace(STORY, patients=patients))
    again = drawn(done("cohort", FLAGS, tmp_path)[1])
    before = drawn(cohort)
    for visit, row in before.items():
        if row["part"] in ("train", "validation"):
            assert again[visit] == row
    parts = [sum(row["part"] == "test" for row in each.values()) for each in (before, again)]
    assert parts[1] > parts[0]
