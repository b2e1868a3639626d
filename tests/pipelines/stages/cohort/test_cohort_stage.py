"""Cohorts of made patients: labels, parts, weights and counts against their definition, row by row."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import PartitionRefusedError, TableNotReadyError
from pipelines.shared.tables.cohort_names import cohort_file
from pipelines.spec import Binary, Survival, WindowGate
from pipelines.stages.cohort.page import cohort_page, shown_count, shown_share
from pipelines.stages.cohort.stage import plan
from tests.pipelines.stages.cohort.ward import (
    AS_OF,
    BY_BOTH,
    BY_ENTITY,
    COLUMN,
    HORIZON,
    OUTCOME,
    done,
    made,
    publish,
    published,
    ward,
)
from tests.pipelines.stages.featurize.validated import publish_validated, work_on

DAY = timedelta(days=1)
STORY = made(patients=90, visits=700, events=120)
EVENT, OTHER = ("diabetes", "insulin"), ("death",)
CASES = {
    "times": ward(key="text", head=Survival(cuts_days=(30, HORIZON), competing=True)),
    "flags": ward(head=Binary(), split=BY_ENTITY),
    "both": ward(split=BY_BOTH, label=replace(OUTCOME, followed_until="events")),
    "again": ward(
        label=replace(OUTCOME, recurrent=True, followed_until="", competing=None),
        split=BY_ENTITY,
        known_time="known",
    ),
    "column": ward(label=COLUMN, head=Binary(), split=BY_ENTITY),
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    found = {}
    for name, pipeline in CASES.items():
        found[name] = tmp_path_factory.mktemp(name)
        published(pipeline, found[name], STORY)
    return found


@pytest.fixture(scope="module")
def cohorts(stores):
    return {name: done("cohort", CASES[name], root)[1] for name, root in stores.items()}


def rows_of(folder):
    """The published rows, by row id."""
    found = {}
    for path in folder.glob("ds=*.parquet"):
        for row in pq.read_table(path).to_pylist():
            found[row["row_id"]] = row | {"ds": path.stem.removeprefix("ds=")}
    return found


def ends(pipeline, patient):
    """End of a patient's follow-up."""
    label = pipeline.label
    if label.followed_until == "events":
        return max(
            (e["happened"] for e in STORY.events if e["patient"] == patient), default=None
        )
    known = {p["patient"]: p["until"] for p in STORY.patients}
    return known.get(patient) if label.followed_until else None


def by_hand(pipeline, visit):
    """Why a visit is left out, and its days and cause."""
    label, patient, time = pipeline.label, visit["patient"], visit["came"]
    own = [e for e in STORY.events if e["patient"] == patient and e["patient"] is not None]
    times = sorted(e["happened"] for e in own if e["code"] in EVENT)
    others = sorted(e["happened"] for e in own if e["code"] in OTHER and label.competing)
    end, horizon = ends(pipeline, patient), time + label.horizon_days * DAY
    if patient is None:
        return "without an entity", None, None
    if not label.recurrent and any(t <= time for t in times):
        return "after the event", None, None
    if any(t <= time for t in others) or (end is not None and end <= time):
        return "after the competing event or the end of follow-up", None, None
    last = horizon if end is None else min(end, horizon)
    first = next((t for t in times if t > time), None)
    other = next((t for t in others if t > time), None)
    if first is not None and first <= last and (other is None or first <= other):
        return "", (first - time) / DAY, 1
    if other is not None and other <= last:
        return "", (other - time) / DAY, 2
    if isinstance(pipeline.head, Binary) and last < horizon:
        return "follow-up ended before the horizon", None, None
    return "", (last - time) / DAY, 0


@pytest.mark.parametrize("case", ["times", "flags", "both", "again"])
def test_every_row_has_the_label_of_its_definition_or_the_reason_why_not(case, cohorts):
    pipeline, rows = CASES[case], rows_of(cohorts[case])
    visits = [v for v in STORY.visits if v["visit"] in rows]
    assert len(visits) == len(rows) > 100
    for visit in visits:
        row, (reason, days, cause) = rows[visit["visit"]], by_hand(pipeline, visit)
        if row["left_out"] == "of an entity of the other side":
            continue
        assert row["left_out"] == reason, visit
        assert bool(row["part"]) is (reason == "")
        if reason:
            assert row["weight"] == 0
            continue
        assert (row["days"], row["cause"]) == (pytest.approx(days), cause)
        assert row["competing"] is (cause == 2)
        wanted = float(cause == 1) if case == "flags" else days if cause == 1 else -days
        assert row["label"] == pytest.approx(wanted, rel=1e-6)
    assert {row["left_out"] for row in rows.values()} >= {"", "without an entity"}


@pytest.mark.parametrize("case", ["flags", "both", "again", "column"])
def test_no_patient_is_on_both_sides_and_each_has_one_fold(case, cohorts):
    rows = rows_of(cohorts[case])
    who = {v["visit"]: v["patient"] for v in STORY.visits}
    sides = {"train": set(), "validation": set(), "test": set()}
    for visit, row in rows.items():
        sides.get(row["part"], set()).add(who[visit])
    assert not (sides["train"] | sides["validation"]) & sides["test"]
    assert sides["train"]
    assert sides["test"]
    if case != "both":  # whose validation is by days
        assert not sides["train"] & sides["validation"]
    summary = json.loads((cohorts[case] / "cohort.json").read_text())
    assert summary["on_both_sides"] == 0
    for part in sides:
        own = [row for row in rows.values() if row["part"] == part]
        assert summary["parts"][part]["rows"] == len(own)


def test_every_patient_is_tested_in_one_fold_whatever_the_order_of_the_table(stores, cohorts):
    pipeline, tested = CASES["column"], []
    for fold in range(5):
        own = replace(pipeline, split=replace(BY_ENTITY, fold=fold))
        rows = rows_of(done("cohort", own, stores["column"])[1])
        tested.append({v for v, row in rows.items() if row["part"] == "test"})
    assert sum(map(len, tested)) == len(set.union(*tested))
    known = {v["visit"] for v in STORY.visits if v["patient"] is not None}
    assert set.union(*tested) == known & set(rows_of(cohorts["column"]))
    drawn = replace(pipeline, split=replace(BY_ENTITY, fold_seed=1))
    again = rows_of(done("cohort", drawn, stores["column"])[1])
    assert {v for v, row in again.items() if row["part"] == "test"} != tested[0]


def test_weights_are_the_inverse_of_the_training_rows_chance_to_be_followed(cohorts):
    rows = [r for r in rows_of(cohorts["flags"]).values() if r["cause"] is not None]
    unknown = "follow-up ended before the horizon"
    who = {v["visit"]: v["patient"] for v in STORY.visits}
    sides = {who[r["row_id"]]: r["part"] for r in rows if r["part"]}
    # Rows of unknown label have no part; those of training patients count as censored.
    training = [
        r
        for r in rows
        if r["left_out"] in ("", unknown) and sides.get(who[r["row_id"]]) == "train"
    ]
    days = np.array([r["days"] for r in training])
    censored = np.array([r["left_out"] == unknown for r in training])

    def followed_until(day):
        chance = 1.0
        for time in sorted(set(days[censored & (days < day)])):
            at = days == time
            left = np.sum(days >= time) - np.sum(at & ~censored)
            chance *= 1 - np.sum(at & censored) / left
        return chance

    checked = [r for r in rows if r["part"] in ("train", "test")]
    assert any(r["weight"] > 1 for r in checked)
    # A patient all of whose rows are unknown is on no side, and may be one to train on.
    if {who[r["row_id"]] for r in rows if r["left_out"] == unknown} <= set(sides):
        for row in checked:
            assert row["weight"] == pytest.approx(1 / followed_until(row["days"]), rel=1e-5)


def test_what_became_known_after_the_as_of_day_changes_nothing(stores):
    """Events that a later year's table has, and rows that were entered late."""
    pipeline = replace(CASES["again"], split=replace(BY_ENTITY, train_days=300))
    root, early = stores["again"], "2021-07-01"
    before = done("cohort", pipeline, root, as_of=early)[0]["content"]
    without = done("cohort", pipeline, root, as_of="2021-10-01")[0]
    late = [e for e in STORY.events if e["happened"].isoformat()[:7] == "2021-03"]
    planted = [
        {"event": 10_000 + n, "patient": n, "happened": late[0]["happened"], "code": "diabetes"}
        | {"known": late[0]["happened"].replace(month=7, day=1, hour=0)}
        for n in range(60)
    ]
    publish(pipeline, root, "events", "2021-03", late + planted)
    future = [
        e
        | {"happened": e["happened"].replace(month=8), "code": "diabetes", "event": 20_000 + n}
        for n, e in enumerate(late)
    ]
    publish(pipeline, root, "events", "2021-08", future)
    assert done("cohort", pipeline, root, as_of=early)[0]["content"] == before
    with_them = done("cohort", pipeline, root, as_of="2021-10-01")[0]
    assert with_them["metrics"]["train_events"] > without["metrics"]["train_events"]


def test_a_refused_or_missing_partition_of_events_is_no_partition_without_events(tmp_path):
    pipeline = CASES["flags"]
    published(pipeline, tmp_path, made(visits=200))
    work = work_on(pipeline, tmp_path, "2019-12-01", as_of=AS_OF)
    with pytest.raises(TableNotReadyError, match=r"no verdict yet \(2019-12\).*--table events"):
        plan(work)
    other = work_on(pipeline, tmp_path, partition="2020-05").of_table("events", "2020-05")
    publish_validated(other, "2020-05", None)
    with pytest.raises(PartitionRefusedError, match=r"were refused \(2020-05\).*is unknown"):
        done("cohort", pipeline, tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"label": replace(OUTCOME, where=("code", "plague"))},
            r"0 of \d+ training rows have the event within 90 days. Both are needed",
        ),
        (
            {
                "validation": replace(
                    CASES["flags"].validation, window=WindowGate(max_label_rate=0.001)
                )
            },
            r"a label rate of 0\.\d+; expected 0 to 0.001",
        ),
        (
            {"split": replace(BY_ENTITY, folds=1000, fold=999)},
            "There is no test row: of .* rows, left out were",
        ),
    ],
)
def test_a_cohort_that_no_model_can_be_made_of_is_published_and_refused(
    changed, message, stores
):
    pipeline = replace(CASES["flags"], **changed)
    with pytest.raises(PartitionRefusedError, match=message):
        done("cohort", pipeline, stores["flags"])
    work = work_on(pipeline, stores["flags"], "2020-01-01", as_of=AS_OF)
    manifest = work.find(work.window_ref("cohorts"))
    page = (work.store.open(manifest) / "report.html").read_text()
    assert "refused" in page


def test_the_page_shows_no_count_of_a_few_people(cohorts):
    assert [shown_count(n) for n in (0, 1, 4, 5, 1234)] == ["0", "<5", "<5", "5", "1,234"]
    assert shown_share(0.25, 1) == "<5 events"
    summary = json.loads((cohorts["times"] / "cohort.json").read_text())
    few = [p["competing"] for p in summary["parts"].values() if 0 < p["competing"] < 5]
    page = cohort_page(cohorts["times"])
    assert page.count("&lt;5") >= len(few) > 0
    assert "Aalen-Johansen" in page


def test_the_file_has_the_rows_of_the_features_in_their_order(stores, cohorts):
    pipeline, root = CASES["times"], stores["times"]
    work = work_on(pipeline, root, "2020-01-01", as_of=AS_OF)
    for day in work.days().all():
        features = work.store.open(work.find(work.partition_ref("features", day)))
        ids = pq.read_table(features / "part-0.parquet", columns=["visit"])["visit"]
        own = pq.read_table(cohorts["times"] / cohort_file(day), columns=["row_id"])["row_id"]
        assert own.to_pylist() == ids.to_pylist()
