"""Erasing from files for all time, and from landmarks that were derived from a patient's rows."""

from dataclasses import replace

import pyarrow.parquet as pq

import millrace
from pipelines.api.opening import PipelineHandle
from pipelines.spec import (
    Column,
    Evaluation,
    Landmarks,
    Outcome,
    Source,
    Split,
    Table,
    require_valid,
)
from tests.pipelines.api.planted import PEOPLE, VISITS, planted, visits
from tests.pipelines.drivers.erasure.forgetting import DAYS, FIRST_DAYS, GONE


def quiet(_event):
    """Prints nothing."""


def rows_of(root, dataset):
    """How many rows of the patient, and of all, each data file of a dataset has."""
    found = {}
    for path in sorted((root / "store/planted" / dataset).rglob("part-0.parquet")):
        patients = pq.read_table(path, partitioning=None)["patient"].to_pylist()
        found[path.relative_to(root / "store").as_posix()] = (
            patients.count(GONE),
            len(patients),
        )
    return found


def done(handle, root, days, stages=("ingest", "validate"), **more):
    for day in days:
        for stage in stages:
            millrace.run_stage(
                stage, handle, root / "store", partition=day, source=root / "source",
                in_process=True, on_event=quiet, **more,
            )  # fmt: skip


def forget(handle, root):
    return millrace.forget(handle, root / "store", entity="patient", key=GONE, on_event=quiet)


def write_all(root):
    lines = [list(visits(day)) for day in FIRST_DAYS]
    (root / "source").mkdir()
    text = "\n".join([lines[0][0], *(row for of_day in lines for row in of_day[1:])])
    (root / "source/visits.csv").write_text(text + "\n")


def test_files_for_all_time_are_split_again_without_the_patient(tmp_path):
    write_all(tmp_path)
    table = replace(VISITS, source=Source(path="visits.csv", format="csv"))
    handle = PipelineHandle(planted(tables=(table, PEOPLE)))
    done(handle, tmp_path, DAYS)
    before = rows_of(tmp_path, "splits")
    assert sum(gone for gone, _ in before.values()) > 0
    found = forget(handle, tmp_path)
    assert any(name.startswith("splits/table=visits") for name in found["removed"])
    assert rows_of(tmp_path, "splits") == {}
    done(handle, tmp_path, DAYS)
    for dataset in ("splits", "ingested", "validated"):
        rows = rows_of(tmp_path, dataset)
        assert len(rows) >= len(DAYS)
        assert {gone for gone, _ in rows.values()} == {0}
        assert all(n > 50 for _, n in rows.values())


def test_landmarks_of_the_patient_are_derived_again_without_it(tmp_path):
    write_all(tmp_path)
    events = replace(
        VISITS, source=Source(path="visits.csv", format="csv"), grain="year", unique_days=1
    )
    landmarks = Table(
        name="landmarks",
        row_id="landmark",
        event_time="time",
        source=Landmarks("visits", "patient"),
        grain="year",
        columns=(
            Column("landmark", "text"),
            Column("time", "timestamp"),
            Column("patient", "integer"),
        ),
    )
    made = planted()
    pipeline = require_valid(
        replace(
            made,
            tables=(events, landmarks),
            examples="landmarks",
            entities=made.entities[:1],
            features=tuple(replace(f, table="visits") for f in made.features[3:4]),
            label=Outcome("visits", "patient", ("ward", "b"), horizon_days=30),
            validation=replace(made.validation, rules=()),
            split=Split(train_days=90, gap_days=30, test_days=30),
            evaluation=Evaluation(alert_entity="patient"),
        )
    )
    handle = PipelineHandle(pipeline)
    done(handle, tmp_path, ["2025"], table="visits")
    done(handle, tmp_path, ["2025"])
    before = rows_of(tmp_path, "validated")
    assert sorted(gone > 0 for gone, _ in before.values()) == [True, True]
    found = forget(handle, tmp_path)
    assert [n for n in found["rewritten"] if "landmarks" in n or n.endswith("ingested/ds=2025")]
    for dataset in ("ingested", "validated"):
        rows = rows_of(tmp_path, dataset)
        assert len(rows) == 2
        assert {gone for gone, _ in rows.values()} == {0}
        assert all(n > 50 for _, n in rows.values())
