"""A day beside other days: what is found, what is left alone, and what a profile is made of."""

import itertools
import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.shared.expectations.day_columns import profile_known_by
from pipelines.shared.expectations.day_compare import compare_day
from pipelines.shared.tables.versions import versions_of
from pipelines.spec import Column, Label, Limit, load
from pipelines.stages.validate.day_profile import merged, profile_rows, write_profile
from tests.pipelines.shared.tables.made import HANDBOOK
from tests.pipelines.stages.validate.day_faults import FAULTS

FRAUD = load("fraud_detection")
GATE = FRAUD.validation.days
FIRST = date(2026, 1, 5)


def name_of(number):
    return (FIRST + timedelta(days=number)).isoformat()


def made(number, rows=3000, rate=0.05, scale=1.0):
    """A day of good rows, with chance in everything."""
    draw = np.random.default_rng(number)
    rows = int(draw.poisson(rows))
    return pa.table(
        {
            "customer_id": draw.integers(0, 900, rows),
            "terminal_id": draw.integers(0, 600, rows),
            "tx_amount": np.round(draw.gamma(2.0, 30.0 * scale, rows), 2),
            "tx_fraud": (draw.random(rows) < rate).astype(np.int64),
        }
    )


def profile(table, pipeline=FRAUD):
    return merged([profile_rows(table, pipeline)])


TABLES = {name_of(n): made(n) for n in range(30)}
DAYS = {day: profile(table) for day, table in TABLES.items()}
LAST, BEFORE = name_of(29), name_of(28)


def compared(table, day=LAST, others=DAYS, gate=GATE):
    own = profile(table) if isinstance(table, pa.Table) else table
    return compare_day(day, own, {d: p for d, p in others.items() if d != day}, gate)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_by_its_limit(fault):
    broken, what, refused = FAULTS[fault]
    found = compared(broken(TABLES[LAST], TABLES[BEFORE]))
    level = "refuse" if refused else "warn"
    assert what in {d.what for d in found.odd(level)}, found.differences
    assert bool(found.odd("refuse")) == refused
    assert found.text(level).startswith(f"{LAST}: ")


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        ("alike", {}),
        ("weekends of half the rows", {"rows": lambda n: 3000 if n % 7 < 5 else 1500}),
        ("weekends of a twentieth", {"rows": lambda n: 6000 if n % 7 < 5 else 300}),
        ("Sundays alone", {"rows": lambda n: 6000 if n % 7 != 6 else 300}),
        (
            "a holiday like a weekend",
            {"rows": lambda n: 6000 if n % 7 < 5 and n != 35 else 1500},
        ),
        ("growth of 3 % a day", {"rows": lambda n: 500 * 1.03**n}),
        ("prices rise by 1 % a day", {"scale": lambda n: 1.01**n}),
        ("dearer weekends", {"scale": lambda n: 1.0 if n % 7 < 5 else 2.0}),
        ("no labels at weekends", {"rate": lambda n: 0.05 if n % 7 < 5 else 0.0}),
        ("few rows", {"rows": lambda n: 30}),
        ("rare labels", {"rows": lambda n: 300, "rate": lambda n: 0.008}),
        ("labels that rise and fall", {"rate": lambda n: 0.03 * (1.5 + np.sin(n / 5))}),
    ],
)
def test_good_days_that_differ_are_left_alone(kind, days):
    made_days = {
        name_of(n): profile(made(n, **{k: f(n) for k, f in days.items()})) for n in range(54)
    }
    odd = []
    for day in list(made_days)[28:42:2]:
        near = {d: p for d, p in made_days.items() if abs(_apart(d, day)) <= GATE.days_back}
        before = {d: p for d, p in near.items() if d < day}
        for others in (before, near):
            odd += compared(made_days[day], day, others).odd("warn", "refuse")
    assert odd == [], kind


def test_a_weekday_of_its_own_is_left_alone_from_its_second_week_on():
    rows = {n: 6000 if n % 7 != 6 else 300 for n in range(21)}
    days = {name_of(n): profile(made(n, rows=rows[n])) for n in rows}
    for day in list(days)[7:]:
        before = {d: p for d, p in days.items() if d < day}
        for others in (before, days):
            assert compared(days[day], day, others).odd("warn", "refuse") == []
    monday_like_sunday = profile(made(99, rows=300))
    assert compared(monday_like_sunday, name_of(14), days).odd("refuse")


def _apart(one, other):
    return (date.fromisoformat(one) - date.fromisoformat(other)).days


def test_broken_days_neither_hide_each_other_nor_accuse_the_good_ones():
    broken = {name_of(n) for n in (21, 22, 24)}
    zero, cents = FAULTS["labels all 0"][0], FAULTS["amounts x 100"][0]
    days = {
        d: profile(cents(zero(t, t), t)) if d in broken else DAYS[d] for d, t in TABLES.items()
    }
    found = {day: compared(days[day], day, days) for day in days}
    assert {day for day, each in found.items() if each.odd("warn", "refuse")} == broken
    limits = {d.what for day in broken for d in found[day].odd("refuse")}
    assert limits == {"label_odds", "moved_share"}


def test_few_labels_that_stop_are_found_together_and_alone_are_no_evidence():
    usual = {name_of(n): profile(made(n, rows=300, rate=0.05)) for n in range(30)}
    without = FAULTS["labels all 0"][0]
    stopped = {name_of(n): profile(without(made(n, rows=300), None)) for n in (21, 22, 24)}
    one = compared(stopped[name_of(22)], name_of(22), usual)
    assert not one.odd("refuse")
    (found,) = compared(stopped[name_of(22)], name_of(22), usual | stopped).odd("refuse")
    assert (found.what, "2 such days beside it" in found.seen) == ("label_odds", True)


def test_a_label_rate_is_that_of_known_labels_and_lost_ones_are_found_as_missing():
    columns = tuple(replace(c, nullable=c.name == "tx_fraud") for c in FRAUD.table.columns)
    pipeline = replace(FRAUD, tables=(replace(FRAUD.table, columns=columns),))

    def lost(number, share):
        table = made(number)
        is_lost = np.random.default_rng(number).random(table.num_rows) < share
        labels = pa.array(table["tx_fraud"].to_numpy(), mask=is_lost)
        return table.set_column(3, "tx_fraud", labels)

    days = {name_of(n): profile(lost(n, 0.1), pipeline) for n in range(29)}
    for share, limits in ((0.1, set()), (0.7, {"missing_share"}), (1.0, {"missing_share"})):
        found = compared(profile(lost(29, share), pipeline), LAST, days)
        assert {d.what for d in found.odd("warn", "refuse")} == limits
    halves = [profile_rows(part, pipeline) for part in (lost(5, 0.1)[:100], lost(5, 0.1)[100:])]
    assert merged(halves) == days[name_of(5)]
    assert days[name_of(5)]["unlabelled"] == days[name_of(5)]["columns"]["tx_fraud"]["missing"]


@pytest.mark.parametrize(
    ("others", "gate", "why"),
    [
        (6, GATE, r"6 other days, validation.days.min_days = 7"),
        (28, replace(GATE, excused=(LAST,)), r"it is one of validation.days.excused"),
    ],
)
def test_a_day_is_not_compared_with_too_few_others_or_where_it_is_excused(others, gate, why):
    broken = FAULTS["amounts x 100"][0](TABLES[LAST], None)
    found = compared(
        broken, others={name_of(n): DAYS[name_of(n)] for n in range(others)}, gate=gate
    )
    assert (found.why_not, found.odd("warn", "refuse")) == (why, [])


def test_a_limit_can_be_moved_and_a_column_left_out():
    broken = FAULTS["amounts x 100"][0](TABLES[LAST], None)
    (found,) = compared(broken).odd("refuse")
    assert (found.what, found.column) == ("moved_share", "tx_amount")
    for gate in (
        replace(GATE, moved_share=Limit()),
        replace(GATE, not_compared=("tx_amount",)),
        replace(GATE, moved_share=Limit(warn=1.0)),
    ):
        assert compared(broken, gate=gate).odd("warn", "refuse") == []
    sensitive = compare_day(LAST, profile(broken), DAYS, GATE, unshown=("tx_amount",))
    assert "median" not in sensitive.text("refuse")
    assert "median" in compared(broken).text("refuse")


COLUMNS = (
    *FRAUD.table.columns,
    Column("shop", "text", nullable=True),
    Column("number", "integer", nullable=True),
)
WIDE = replace(FRAUD, tables=(replace(FRAUD.table, columns=COLUMNS),))
ROW = st.fixed_dictionaries(
    {
        "customer_id": st.integers(-(2**63), 2**63 - 1),
        "terminal_id": st.integers(0, 3),
        "tx_amount": st.one_of(st.floats(), st.none()),
        "tx_fraud": st.integers(0, 1),
        "shop": st.one_of(st.text(max_size=3), st.none()),
        "number": st.one_of(st.integers(-(2**63), 2**63 - 1), st.none()),
    }
)
TYPES = {
    "customer_id": pa.int64(), "terminal_id": pa.int64(), "tx_amount": pa.float64(),
    "tx_fraud": pa.int64(), "shop": pa.string(), "number": pa.int64(),
}  # fmt: skip


@settings(max_examples=25)
@given(rows=st.lists(ROW, max_size=30), cuts=st.lists(st.integers(0, 30), max_size=3))
def test_a_profile_is_the_same_however_the_rows_are_cut(rows, cuts):
    table = pa.Table.from_pylist(rows, schema=pa.schema(TYPES))
    ends = sorted({0, *(min(cut, len(rows)) for cut in cuts), len(rows)})
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(ends)] or [table]
    whole, cut = profile(table, WIDE), merged([profile_rows(p, WIDE) for p in parts])
    assert json.dumps(whole) == json.dumps(cut)
    assert whole["positives"] == sum(row["tx_fraud"] for row in rows)
    known = [row["tx_amount"] for row in rows if row["tx_amount"] is not None]
    missing = len(rows) - np.count_nonzero(np.isfinite(np.array(known, dtype=float)))
    assert whole["columns"]["tx_amount"]["missing"] == missing
    shops = {row["shop"] for row in rows} - {None}
    assert whole["columns"]["shop"]["constant"] == (len(shops) == 1)
    assert sum(whole["columns"]["customer_id"]["counts"]) == len(rows)


def test_a_text_that_became_constant_is_shown_without_its_value():
    def day(words):
        table = made(0).append_column("number", pa.nulls(len(made(0)), pa.int64()))
        shops = np.resize(np.array(words), len(table))
        return profile(table.append_column("shop", pa.array(shops)), WIDE)

    others = {name_of(n): day(["north", "south"]) for n in range(10)}
    found = compare_day(LAST, day(["north"]), others, GATE).odd("warn")
    assert ("constant", "shop") in {(d.what, d.column) for d in found}
    assert "north" not in json.dumps(day(["north"]))


def test_what_was_known_by_a_day_is_not_changed_by_rows_that_come_later(tmp_path):
    known = Column("known_at", "timestamp", nullable=True)
    table = replace(FRAUD.table, columns=(*FRAUD.table.columns, known), known_time="known_at")
    pipeline = replace(FRAUD, tables=(table,), label=Label("tx_fraud", known_after_days=7))
    own, later = np.datetime64("2026-01-05T12", "us"), np.datetime64("2026-01-09T12", "us")
    ids = np.arange(len(TABLES[LAST]))

    def day(corrected):
        rows = TABLES[LAST].append_column("transaction_id", pa.array(ids))
        rows = rows.append_column("tx_datetime", pa.array(np.full(len(ids), own)))
        first = rows.append_column("known_at", pa.array(np.full(len(ids), own)))
        if not corrected:
            return first
        ones = FAULTS["labels all 1"][0](rows, None)
        ones = ones.append_column("known_at", pa.array(np.full(len(ids), later)))
        return pa.concat_tables([first, ones])

    def profiles(corrected):
        rows = day(corrected)
        write_profile([rows], pipeline, "2026-01-05", versions_of(rows, table), tmp_path)
        return json.loads((tmp_path / "profile.json").read_text())

    before, after = profiles(corrected=False), profiles(corrected=True)
    assert list(after["known"]) == ["2026-01-05", "2026-01-09"]
    assert profile_known_by(after, "2026-01-08") == before["known"]["2026-01-05"]
    assert profile_known_by(after, "2026-01-09")["positives"] == len(ids)
    assert profile_known_by(after, "2026-01-04") is None


@pytest.mark.skipif(not HANDBOOK.exists(), reason="no data of the Handbook beside the checkout")
def test_on_the_handbooks_days_nothing_is_odd_and_each_fault_is():
    def read(day):
        table = pq.ParquetFile(HANDBOOK / f"ds={day}" / "part-0.parquet").read()
        return table.rename_columns([name.lower() for name in table.column_names])

    days = [(date(2018, 6, 1) + timedelta(days=n)).isoformat() for n in range(40)]
    tables = {day: read(day) for day in days}
    profiles = {day: profile(table) for day, table in tables.items()}
    for day in days[28::3]:
        assert compared(profiles[day], day, profiles).odd("warn", "refuse") == []
    for fault, (broken, what, refused) in FAULTS.items():
        own = profile(broken(tables[days[30]], tables[days[29]]))
        found = compared(own, days[30], profiles)
        assert what in {d.what for d in found.odd("warn", "refuse")} or "lost" in fault, fault
        assert bool(found.odd("refuse")) == refused, fault
