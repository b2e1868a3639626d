"""Features over other tables: windows point-in-time, attributes, what they wait for and depend on."""

import math
import statistics
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import HistoryNotReadyError, PartitionRefusedError
from pipelines.core.partitions import GRAINS, Partitions
from pipelines.operators.aggregates import reads_column
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables.window import ModelWindow
from pipelines.spec import Column, Trailing
from pipelines.stages.featurize import stage as featurize
from tests.pipelines.stages.featurize.clinic import (
    EVERY,
    LABS,
    OF_SOME,
    clinic,
    made_labs,
    made_patients,
    made_visits,
    publish,
)
from tests.pipelines.stages.featurize.validated import work_on

FEATURIZE = stage_named("featurize")
DAY = timedelta(days=1)


def features_of(work):
    perform(FEATURIZE, work)
    manifest = work.find(work.partition_ref("features"))
    table = pq.read_table(work.store.open(manifest) / "part-0.parquet")
    return manifest, table.sort_by("visit").to_pylist()


def aggregate(name, seen, t, known):
    """One aggregate of the rows in a window, by its definition; ``known`` are values in order."""
    before = [row["taken"] for row in seen if row["taken"] < t]
    of_rows = {
        "count": len(seen),
        "ever": float(bool(seen)),
        "days_since_first": (t - seen[0]["taken"]) / DAY if seen else None,
        "days_since_last": (t - max(before)) / DAY if before else None,
    }
    if name in of_rows:
        return of_rows[name]
    if name in ("std", "slope"):
        return spread(name, [row for row in seen if row["value"] is not None])
    if name in ("sum", "mean", "distinct"):
        total = sum(known)
        return {"sum": total, "mean": total / max(len(known), 1), "distinct": len(set(known))}[
            name
        ]
    ends = {"min": min, "max": max, "last": lambda values: values[-1]}
    return ends[name](known) if known else None


def spread(name, rows):
    """The deviation or the slope of the values of rows, by the standard library."""
    values = [row["value"] for row in rows]
    days = [(row["taken"] - rows[0]["taken"]) / DAY for row in rows]
    if name == "std":
        return statistics.stdev(values) if len(values) > 1 else None
    return statistics.linear_regression(days, values).slope if len(set(days)) > 1 else None


def expected(visit, labs, zone):
    """What the declared windows over labs are for a visit, from the rows that it may see."""
    t = visit["came"]
    mine = [row for row in labs if row["patient"] == visit["patient"] is not None]
    mine.sort(key=lambda row: (row["taken"], row["lab"]))

    def window(span, delay=timedelta(0)):
        return [row for row in mine if t - delay - span < row["taken"] <= t - delay]

    def known(rows, column):
        return [row[column] for row in rows if row[column] is not None]

    found = {}
    for suffix, span in (("1h", DAY / 24), ("1d", DAY), ("3d", 3 * DAY)):
        for name in EVERY:
            of = "_value" if reads_column(name) else ""
            seen = window(span)
            found[f"patient_labs_{name}{of}_{suffix}"] = aggregate(
                name, seen, t, known(seen, "value")
            )
    late = known(window(2 * DAY, DAY), "level")
    for name in ("mean", "last"):
        found[f"patient_labs_{name}_level_2d"] = aggregate(name, [], t, late)
    lipids = [row for row in window(3 * DAY) if row["test"] in ("hdl", "ldl")]
    for name in OF_SOME:
        of = "_value" if reads_column(name) else ""
        values = known(lipids, "value")
        found[f"patient_labs_{name}{of}_lipids_3d"] = aggregate(name, lipids, t, values)
    hdl = [row for row in window(3 * DAY) if row["test"] == "hdl"]
    found["patient_labs_count_hdl_3d"] = len(hdl)
    found["patient_labs_distinct_test_2d"] = len(set(known(window(2 * DAY), "test")))
    steps = window(3 * DAY)[-3:]
    flat = [v for row in steps for v in (row["value"], (t - row["taken"]) / DAY)]
    found["seq_patient_labs_last_3"] = [*flat, *[0.0] * (6 - len(flat))]
    found["len_patient_labs_last_3"] = len(steps)
    days = days_of([row for row in window(3 * DAY) if row["test"] is not None], zone)
    flat = [number for nth in range(len(days))[-2:] for number in step(days, nth, t)]
    found["seq_patient_labs_visits_2"] = [*flat, *[0.0] * (10 - len(flat))]
    found["len_patient_labs_visits_2"] = min(len(days), 2)
    return found


def days_of(rows, zone):
    """The rows of each local day."""
    by_day = groupby(rows, lambda row: row["taken"].astimezone(ZoneInfo(zone)).date())
    return [list(of_day) for _, of_day in by_day]


def step(days, nth, t):
    """A visit's value and flag of one test, flag of the other, and times."""
    last = days[nth][-1]["taken"]
    hdl = [
        row["value"] for row in days[nth] if row["test"] == "hdl" and row["value"] is not None
    ]
    ldl = any(row["test"] == "ldl" for row in days[nth])
    before = (last - days[nth - 1][-1]["taken"]) / DAY if nth else None
    return [hdl[-1] if hdl else None, float(bool(hdl)), float(ldl), (t - last) / DAY, before]


def passed(since, until, unit):
    """Time since something that was not later."""
    return None if since is None or since > until else (until - since) / unit


def same(got, wanted, within=0.0):
    if isinstance(wanted, list):
        return all(
            same(g, None if w is None else float(np.float32(w)))
            for g, w in zip(got, wanted, strict=True)
        )
    if wanted is None:
        return math.isnan(got)
    return got == wanted or math.isclose(got, wanted, rel_tol=within, abs_tol=within)


def assert_expected(visit, got, labs, zone):
    for name, wanted in expected(visit, labs, zone).items():
        # The definitions of these two round on their way.
        within = 1e-12 if "slope" in name or "std" in name else 0.0
        assert same(got[name], wanted, within), (name, visit, got[name], wanted)


@settings(max_examples=6, deadline=None)
@given(
    visits=st.sampled_from(["hour", "day", "week", "month"]),
    labs=st.sampled_from(GRAINS),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    # Clocks change on 29 March and 25 October in Berlin.
    at=st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    seed=st.integers(0, 2**32),
    shown=st.booleans(),
    kind=st.sampled_from(["integer", "text"]),
)
def test_windows_equal_their_definition_whatever_the_grains(
    visits, labs, zone, at, seed, shown, kind
):
    rng = np.random.default_rng(seed)
    pipeline = clinic(visits, labs, zone, key=kind)
    own, theirs = pipeline.partitions(), Partitions(labs, zone)
    key = own.of_time(at)
    start, end = own.start(key), own.end(key)
    near = made_labs(rng, 120, end - 2 * DAY, end + DAY)
    far = made_labs(rng, 60, start - 5 * DAY, end + DAY)
    far.columns["lab"] = [1000 + each for each in far.columns["lab"]]
    rows = {name: near.columns[name] + far.columns[name] for name in near.columns}
    every = type(near)(rows)
    keys = theirs.between(theirs.of_time(start - 6 * DAY), theirs.of_time(end + DAY))
    refused = {each for each in keys if rng.random() < 0.1}
    people = made_patients(rng)
    asked = made_visits(rng, 40, start, end)
    with tempfile.TemporaryDirectory() as root:
        history_from = theirs.first_day(keys[0])
        for each in keys:
            of_key = None if each in refused else every.of(theirs, "taken", each)
            if shown or of_key is None or theirs.end(each) <= end:
                publish(pipeline, root, "labs", each, of_key)
        publish(pipeline, root, "patients", "all", people)
        publish(pipeline, root, "visits", key, asked)
        for each in own.between(own.of_day(history_from), own.shift(key, -1))[-26:]:
            publish(pipeline, root, "visits", each, None)
        work = work_on(pipeline, root, max(history_from, own.first_day(key)), partition=key)
        work = replace(work, history_from=history_from)
        _, found = features_of(work)
    seen = [
        row
        for each in keys
        if each not in refused and theirs.end(each) <= end
        for row in every.of(theirs, "taken", each).listed()
    ]
    of_patient = {row["patient"]: row for row in people.listed()}
    assert len(found) == 40
    for visit, got in zip(asked.listed(), found, strict=True):
        assert_expected(visit, got, seen, zone)
        person = of_patient.get(visit["patient"], dict.fromkeys(("born", "sex", "entered")))
        assert same(got["patient_born"], person["born"])
        years = passed(person["entered"], visit["came"], timedelta(days=365.25))
        assert same(got["patient_years_since_entered"], years)
        assert same(got["days_since_referred"], passed(visit["referred"], visit["came"], DAY))
        assert got["patient_sex"] == person["sex"]


KNOWN = replace(LABS, columns=(*LABS.columns, Column("known", "timestamp")), known_time="known")


def corrected(rng, rows):
    """Some rows once more with another value, known later; the first versions known when taken."""
    columns = {name: list(values) for name, values in rows.columns.items()}
    columns["known"] = list(columns["taken"])
    for nth in rng.choice(len(columns["lab"]), 15, replace=False):
        for name in rows.columns:
            columns[name].append(columns[name][nth])
        columns["value"][-1] = int(rng.integers(50, 60))
        columns["known"].append(
            columns["taken"][nth] + timedelta(hours=int(rng.integers(1, 60)))
        )
    return type(rows)(columns)


@settings(max_examples=5, deadline=None)
@given(
    labs=st.sampled_from(["day", "month"]),
    zone=st.sampled_from(["UTC", "America/New_York"]),
    visits=st.sampled_from(["hour", "day"]),
    seed=st.integers(0, 2**32),
)
def test_of_another_table_the_versions_count_that_were_known_by_the_end(
    labs, zone, visits, seed
):
    rng = np.random.default_rng(seed)
    pipeline = clinic(visits, labs, zone, columns=KNOWN.columns, known_time="known")
    own, theirs = pipeline.partitions(), Partitions(labs, zone)
    key = own.of_time(datetime(2026, 4, 2, 12, tzinfo=UTC))
    start, end = own.start(key), own.end(key)
    every = corrected(rng, made_labs(rng, 80, start - 2 * DAY, end))
    keys = theirs.between(theirs.of_time(start - 6 * DAY), theirs.closed_by(end))
    people, asked = made_patients(rng), made_visits(rng, 20, start, end)
    with tempfile.TemporaryDirectory() as root:
        for each in keys:
            publish(pipeline, root, "labs", each, every.of(theirs, "taken", each))
        publish(pipeline, root, "patients", "all", people)
        publish(pipeline, root, "visits", key, asked)
        for before in own.between(own.shift(key, -24 if visits == "hour" else -1), key)[:-1]:
            publish(pipeline, root, "visits", before, None)
        _, found = features_of(
            work_on(pipeline, root, theirs.first_day(keys[0]), partition=key)
        )
    days, newest = Partitions("day", zone), {}
    for each in keys:
        for row in every.of(theirs, "taken", each).listed():
            is_newer = row["lab"] not in newest or row["known"] >= newest[row["lab"]]["known"]
            if days.end(days.of_time(row["known"])) <= end and is_newer:
                newest[row["lab"]] = row
    for visit, got in zip(asked.listed(), found, strict=True):
        assert_expected(visit, got, list(newest.values()), zone)


MONTHLY = clinic("day", "month")
DAYS = ("2026-02-28", "2026-03-01")


def made(root, pipeline=MONTHLY, *, labs=("2026-02",), patients=True):
    """A store with visits of two days around the end of a month."""
    rng = np.random.default_rng(0)
    own, theirs = pipeline.partitions(), Partitions("month")
    for key in labs:
        rows = made_labs(rng, 40, theirs.start(key), theirs.end(key))
        publish(pipeline, root, "labs", key, rows)
    if patients:
        publish(pipeline, root, "patients", "all", made_patients(rng))
    for day in DAYS:
        rows = made_visits(rng, 10, own.start(day), own.end(day))
        publish(pipeline, root, "visits", day, rows)
    return work_on(pipeline, root, "2026-02-28", partition=DAYS[1])


def test_what_is_read_and_has_no_verdict_is_named_with_the_command(tmp_path):
    work = made(tmp_path, labs=(), patients=False)
    with pytest.raises(HistoryNotReadyError) as raised:
        perform(FEATURIZE, work)
    said = str(raised.value)
    assert "1 partition of table labs that it reads has no verdict yet (2026-02)" in said
    assert "--table labs for them first (--partition 2026-02)" in said
    assert "--table patients for them first (--partition all)" in said
    assert featurize.due(work) == (False, [])


def test_a_month_is_read_on_its_last_day_and_not_before_it_is_over(tmp_path):
    work = made(tmp_path)
    read = {}
    for day in DAYS:
        manifest, rows = features_of(work.on(day))
        read[day] = [name for name in manifest.inputs if "labs" in name]
    assert read == {day: ["validated/table=labs/ds=2026-02"] for day in DAYS}
    assert rows, "the first of March reads February, and not March"


def test_refused_laboratory_values_are_none_and_refused_patients_stop(tmp_path):
    work = made(tmp_path, labs=())
    publish(MONTHLY, tmp_path, "labs", "2026-02", None)
    _, rows = features_of(work)
    assert {row["patient_labs_count_3d"] for row in rows} == {0}
    publish(MONTHLY, tmp_path, "patients", "all", None)
    with pytest.raises(
        PartitionRefusedError, match=r"patients all was refused.*--table patients"
    ):
        perform(FEATURIZE, work)
    assert featurize.due(work) == (False, [])


def test_features_are_outdated_by_a_changed_month_and_not_by_more_patients(tmp_path):
    work = made(tmp_path)
    before, _ = features_of(work)
    rng = np.random.default_rng(1)
    publish(MONTHLY, tmp_path, "patients", "all", made_patients(rng))
    assert ModelWindow(work).is_current(before)
    theirs = Partitions("month")
    rows = made_labs(rng, 40, theirs.start("2026-02"), theirs.end("2026-02"))
    publish(MONTHLY, tmp_path, "labs", "2026-02", rows)
    assert not ModelWindow(work).is_current(before)
    after, _ = features_of(work)
    assert ModelWindow(work).is_current(after)
    assert after.inputs.keys() == before.inputs.keys()


def test_a_lifetime_is_read_from_where_the_data_begins(tmp_path):
    names = ("count", "ever", "days_since_first", "last", "slope")
    features = (
        Trailing("patient", names, (36_500,), column="value", table="labs"),
        Trailing("patient", ("count",), (36_500,)),
    )
    pipeline = clinic("year", "year", features=features, start="1968-05-05")
    rng, years = np.random.default_rng(5), Partitions("year")
    labs = made_labs(
        rng, 90, datetime(1968, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    )
    for key in years.between("1968", "2025"):
        rows = labs.of(years, "taken", key)
        publish(pipeline, tmp_path, "labs", key, rows)
    publish(pipeline, tmp_path, "labs", "2026", None)
    publish(pipeline, tmp_path, "visits", "2024", None)
    earlier = made_visits(rng, 20, years.start("2025"), years.end("2025"))
    publish(pipeline, tmp_path, "visits", "2025", earlier)
    asked = made_visits(rng, 20, years.start("2026"), years.end("2026"))
    publish(pipeline, tmp_path, "visits", "2026", asked)
    work = work_on(pipeline, tmp_path, "2024-01-01", partition="2026")
    manifest, found = features_of(work)
    assert len(manifest.inputs) == 59 + 3
    everyone = earlier.listed() + asked.listed()
    for visit, got in zip(asked.listed(), found, strict=True):
        mine = sorted(
            (row for row in labs.listed() if row["patient"] == visit["patient"] is not None),
            key=lambda row: (row["taken"], row["lab"]),
        )
        known = [row["value"] for row in mine if row["value"] is not None]
        for name in names:
            of = "_value" if reads_column(name) else ""
            wanted = aggregate(name, mine, visit["came"], known)
            value = got[f"patient_labs_{name}{of}_36500d"]
            assert same(value, wanted, 1e-12), (name, value, wanted)
        seen = [v for v in everyone if v["patient"] == visit["patient"] is not None]
        assert got["patient_count_36500d"] == sum(v["came"] <= visit["came"] for v in seen)
