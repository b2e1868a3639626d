"""The simulator against slow oracles, against itself, and against the Handbook's own data."""

import hashlib
import json
import math
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between, parse_day, shift
from pipelines.core.errors import ConfigError
from pipelines.domains.fraud_detection.compromises import customers_drawn, terminals_drawn
from pipelines.domains.fraud_detection.genuine import genuine_transactions
from pipelines.domains.fraud_detection.planting import DEFECTS, Plant
from pipelines.domains.fraud_detection.population import population_of
from pipelines.domains.fraud_detection.simulator import (
    Simulation,
    day_columns,
    simulate,
    write_day,
)

HANDBOOK = Path(__file__).resolve().parents[5] / "shared" / "data" / "handbook"
DAY = "2026-01-05"
SMALL = Simulation(rows_per_day=300, seed=7)
COLUMNS = [
    "transaction_id",
    "tx_datetime",
    "customer_id",
    "terminal_id",
    "tx_amount",
    "tx_fraud",
    "tx_fraud_scenario",
]


def digests(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def many_days(simulation: Simulation, days: int) -> dict[str, np.ndarray]:
    each = [day_columns(simulation, day) for day in days_between(DAY, shift(DAY, days - 1))]
    return {name: np.concatenate([columns[name] for columns in each]) for name in COLUMNS}


# What a day is.


def test_a_day_has_the_declared_columns_types_and_ranges(tmp_path):
    written = write_day(SMALL, DAY, tmp_path)
    table = pq.read_table(tmp_path / f"ds={DAY}" / "part-0.parquet", partitioning=None)
    types = dict.fromkeys(COLUMNS, pa.int64())
    types |= {"tx_datetime": pa.timestamp("us"), "tx_amount": pa.float64()}
    assert {field.name: field.type for field in table.schema} == types
    assert (table.num_rows, written.rows) == (written.rows, table.num_rows)
    assert written.frauds == np.count_nonzero(table["tx_fraud"])
    assert written.bytes == (tmp_path / f"ds={DAY}" / "part-0.parquet").stat().st_size
    assert all(column.null_count == 0 for column in table.columns)


def test_rows_are_in_time_order_within_the_day_in_whole_seconds_and_cents():
    columns = day_columns(Simulation(rows_per_day=20_000, seed=1), DAY)
    since = (columns["tx_datetime"] - np.datetime64(DAY, "us")).astype(np.int64)
    assert np.all(np.diff(since) >= 0)
    assert np.all(since % 1_000_000 == 0)
    assert since.min() > 0
    assert since.max() < 86_400_000_000
    cents = columns["tx_amount"] * 100
    assert np.all(np.abs(cents - np.rint(cents)) < 1e-6)
    assert columns["tx_amount"].min() >= 0


def test_transaction_ids_are_unique_over_days_and_ascend_with_time():
    ids = many_days(SMALL, 3)["transaction_id"]
    assert np.all(np.diff(ids) > 0)
    assert ids.max() < 2**53


@pytest.mark.parametrize("rows_per_day", [1, 30, 2_000])
def test_the_mean_number_of_rows_is_the_declared_one(rows_per_day):
    days = 3 if rows_per_day > 100 else 60
    rows = many_days(Simulation(rows_per_day=rows_per_day, seed=2), days)["tx_fraud"].size
    expected = rows_per_day * days
    assert abs(rows - expected) < 4 * np.sqrt(expected)


# The same bytes, however they are asked for.


def test_bytes_are_the_same_for_one_process_and_two(tmp_path):
    plant = Plant(rows=7, bad_days=((shift(DAY, 1), "mostly_bad"),))
    seen = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        simulate(
            SMALL,
            DAY,
            shift(DAY, 3),
            out,
            processes=processes,
            plant=plant,
            progress=lambda *done: seen.append(done),
        )
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert len(digests(tmp_path / "1")) == 5
    assert seen[:4] == seen[4:]
    assert [done[:2] for done in seen[:4]] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_day_alone_is_the_day_of_a_range(tmp_path):
    simulate(SMALL, shift(DAY, -2), shift(DAY, 2), tmp_path / "range")
    population_of.cache_clear()
    write_day(SMALL, DAY, tmp_path / "alone")
    (alone,) = digests(tmp_path / "alone").items()
    assert alone in digests(tmp_path / "range").items()


@pytest.mark.parametrize("other", [{"seed": 8}, {"rows_per_day": 301}])
def test_another_seed_or_volume_is_another_day(other):
    simulation = Simulation(**({"rows_per_day": 300, "seed": 7} | other))
    here, there = day_columns(SMALL, DAY), day_columns(simulation, DAY)
    assert not np.array_equal(here["tx_amount"], there["tx_amount"])


# The scenarios, against a slow oracle.


@pytest.mark.parametrize("rows_per_day", [2_000, 10_000, 100_000])
def test_the_fraud_rate_is_the_same_at_any_volume(rows_per_day):
    days = max(5, 600_000 // rows_per_day // 4)
    fraud = many_days(Simulation(rows_per_day=rows_per_day, seed=5), days)["tx_fraud"]
    assert 0.006 < fraud.mean() < 0.012


@cache
def drawn_ids(rows_per_day: int, seed: int, number: int) -> tuple[frozenset, frozenset]:
    population = population_of(rows_per_day, seed)
    terminals = population.terminal_id[terminals_drawn(population, seed, number)]
    customers = population.customer_id[customers_drawn(population, seed, number)]
    return frozenset(terminals.tolist()), frozenset(customers.tolist())


def test_scenarios_agree_with_a_row_by_row_reading_of_the_handbook():
    rows_per_day, seed = 1_500, 3
    misused = exposed = 0
    found, last_day = Counter(), []
    for day in days_between(DAY, shift(DAY, 39)):
        number = parse_day(day).toordinal()
        columns = day_columns(Simulation(rows_per_day=rows_per_day, seed=seed), day)
        drawn = [drawn_ids(rows_per_day, seed, number - back) for back in range(28)]
        genuine = genuine_transactions(population_of(rows_per_day, seed), seed, number)
        before = genuine.amount[np.argsort(genuine.second, kind="stable")].tolist()
        rows = zip(*(columns[name].tolist() for name in COLUMNS[2:]), before, strict=True)
        for customer, terminal, amount, fraud, scenario, plain in rows:
            bad_terminal = any(terminal in terminals for terminals, _ in drawn)
            bad_customer = any(customer in customers for _, customers in drawn[:14])
            exposed += bad_customer
            misused += scenario == 3
            found[scenario] += 1
            if bad_customer and not any(customer in customers for _, customers in drawn[:13]):
                last_day.append(scenario == 3)
            if scenario == 3:
                assert bad_customer
                assert amount == pytest.approx(5 * plain, abs=0.0051)
            else:
                assert amount == plain
                assert scenario == (2 if bad_terminal else 1 if plain > 220 else 0)
            assert fraud == (scenario > 0)
    assert min(found[scenario] for scenario in range(4)) > 10
    assert abs(misused / exposed - 1 / 3) < 0.08
    assert 0.1 < np.mean(last_day) < 0.6


def test_compromises_keep_the_rate_of_the_handbook_at_each_size():
    for rows_per_day, per_day in (
        (9_692, (2.0, 3.0)),
        (970, (0.2, 0.3)),
        (96_925, (20.0, 30.0)),
    ):
        drawn = [drawn_ids(rows_per_day, 1, 700_000 + n) for n in range(100)]
        terminals = np.mean([len(terminals) for terminals, _ in drawn])
        customers = np.mean([len(customers) for _, customers in drawn])
        assert (terminals, customers) == pytest.approx(per_day, rel=0.05)


# The population.


@pytest.mark.parametrize("rows_per_day", [20, 3_000])
def test_customers_use_each_terminal_in_reach_and_none_beyond(rows_per_day):
    population = population_of(rows_per_day, 4)
    busiest = int(np.argmax(population.daily_rate))
    used, far = set(), 0.0
    for number in range(600):
        genuine = genuine_transactions(population, 4, 700_000 + number)
        terminal = genuine.terminal[genuine.customer == busiest]
        used |= set(terminal.tolist())
    away = population.terminal_xy - population.customer_xy[:, [busiest]]
    distance = np.hypot(*away.astype(np.float64))
    in_reach = set(np.flatnonzero(distance <= population.radius).tolist())
    far = max(distance[list(used)])
    assert far <= population.radius * (1 + 1e-6)
    assert used == in_reach


def test_terminals_in_reach_are_used_evenly():
    population = population_of(3_000, 4)
    busiest = int(np.argmax(population.daily_rate))
    count = Counter()
    for number in range(1_500):
        genuine = genuine_transactions(population, 4, 700_000 + number)
        count.update(genuine.terminal[genuine.customer == busiest].tolist())
    seen = np.array(list(count.values()), dtype=float)
    chi_square = np.sum((seen - seen.mean()) ** 2) / seen.mean()
    assert chi_square < seen.size + 4 * np.sqrt(2 * seen.size)


def normal_share_below(z: float) -> float:
    return (1 + math.erf(z / math.sqrt(2))) / 2


def test_amounts_are_normal_and_the_negative_ones_uniform():
    population = population_of(200_000, 4)
    genuine = genuine_transactions(population, 4, 700_000)
    share_of_mean = genuine.amount / population.mean_amount[genuine.customer]
    negative = normal_share_below(-2)
    for mark in (0.25, 0.5, 1.0, 1.5, 2.0):
        below = normal_share_below((mark - 1) / 0.5) - negative + negative * mark / 2
        assert np.mean(share_of_mean < mark) == pytest.approx(below, abs=0.005)


def test_seconds_are_normal_around_noon_within_the_day():
    second = genuine_transactions(population_of(200_000, 4), 4, 700_000).second
    outside = normal_share_below(-43_200 / 20_000)
    for hour in (3, 6, 9, 12, 18, 22):
        below = normal_share_below((hour - 12) * 3_600 / 20_000) - outside
        expected = below / (1 - 2 * outside)
        assert np.mean(second < hour * 3_600) == pytest.approx(expected, abs=0.005)


def test_customers_are_spread_evenly_over_map_means_and_rates():
    population = population_of(50_000, 4)
    for values, low, high in (
        (population.customer_xy[0], 0, 100),
        (population.customer_xy[1], 0, 100),
        (population.terminal_xy[0], 0, 100),
        (population.terminal_xy[1], 0, 100),
        (population.mean_amount, 5, 100),
        (population.daily_rate, 0, 4 * 0.9692),
    ):
        marks = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
        np.testing.assert_allclose(marks, np.linspace(low, high, 5), atol=0.02 * high)
    assert population.daily_rate.sum() == pytest.approx(50_000)


# The Handbook's own data.


@pytest.fixture(scope="module")
def handbook() -> dict[str, np.ndarray]:
    days = sorted(HANDBOOK.glob("ds=*"))[40:70]  # from where compromises have built up
    if not days:
        pytest.skip("the Handbook's data is not beside this repository")
    tables = [pq.ParquetFile(day / "part-0.parquet").read() for day in days]
    table = pa.concat_tables(tables)
    return {name.lower(): table[name].to_numpy() for name in table.schema.names}


@pytest.fixture(scope="module")
def simulated() -> dict[str, np.ndarray]:
    return many_days(Simulation(rows_per_day=9_583, seed=11), 30)


def test_amounts_look_like_the_handbooks(handbook, simulated):
    for name, tolerance in (("mean", 0.03), ("std", 0.04)):
        ours = getattr(simulated["tx_amount"], name)()
        assert ours == pytest.approx(getattr(handbook["tx_amount"], name)(), rel=tolerance)
    marks = [5, 25, 50, 75, 95, 99]
    ours, theirs = (np.percentile(d["tx_amount"], marks) for d in (simulated, handbook))
    np.testing.assert_allclose(ours, theirs, rtol=0.06)


def test_hours_look_like_the_handbooks(handbook, simulated):
    shares = [
        np.bincount(d["tx_datetime"].astype("datetime64[h]").astype(int) % 24)
        / d["tx_fraud"].size
        for d in (simulated, handbook)
    ]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.002)


@pytest.mark.parametrize("entity", ["customer_id", "terminal_id"])
def test_rows_per_entity_look_like_the_handbooks(handbook, simulated, entity):
    ours, theirs = (np.unique(d[entity], return_counts=True)[1] for d in (simulated, handbook))
    assert ours.size == pytest.approx(theirs.size, rel=0.02)
    marks = [10, 25, 50, 75, 90]
    np.testing.assert_allclose(
        np.percentile(ours, marks), np.percentile(theirs, marks), rtol=0.12
    )


def test_frauds_look_like_the_handbooks(handbook, simulated):
    shares = [
        np.bincount(d["tx_fraud_scenario"], minlength=4)[1:] / d["tx_fraud"].size
        for d in (simulated, handbook)
    ]
    # Wide: each share hangs on some hundred compromises, or on the few who pay most.
    np.testing.assert_allclose(shares[0], shares[1], rtol=0.35)


# What is refused.


@pytest.mark.parametrize("rows_per_day", [0, -5, 250_000_001, 2.5, True, "9"])
def test_rows_per_day_out_of_the_id_schemes_range_is_refused(rows_per_day):
    with pytest.raises(ConfigError, match=r"rows_per_day must be .* 1 to 250000000; got"):
        Simulation(rows_per_day=rows_per_day, seed=1)


@pytest.mark.parametrize("seed", [-1, 2**64, None])
def test_a_seed_outside_of_64_bits_is_refused(seed):
    with pytest.raises(ConfigError, match=r"seed must be a whole number from 0 to"):
        Simulation(rows_per_day=1, seed=seed)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-1-5", DAY, "not a calendar day"),
        (DAY, "20260106", "not of the form"),
        (DAY, "2026-01-04", "is before the first"),
        ("1969-12-31", DAY, "is before 1970-01-01"),
    ],
)
def test_bad_ranges_are_refused_before_anything_is_written(tmp_path, first, last, message):
    with pytest.raises(ConfigError, match=message):
        simulate(SMALL, first, last, tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_process_at_all_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="processes must be a whole number from 1"):
        simulate(SMALL, DAY, DAY, tmp_path, processes=0)


# Planted defects.


def breaks(rule: str, row: dict, ids: Counter) -> bool:
    """Whether the row breaks the rule, read from the file alone."""
    amount = row["tx_amount"]
    return {
        "tx_amount.range": amount is not None and amount < 0,
        "tx_amount.not_null": amount is None or math.isnan(amount),
        "customer_id.not_null": row["customer_id"] is None,
        "tx_fraud.values": row["tx_fraud"] not in (0, 1),
        "transaction_id.unique": ids[row["transaction_id"]] > 1,
        "tx_datetime.partition": row["tx_datetime"].date().isoformat() != DAY,
    }[rule]


@pytest.mark.parametrize("text", ["rows=23", f"mostly_bad={DAY}"])
def test_each_planted_row_breaks_its_rule_and_nothing_else_does(tmp_path, text):
    simulate(SMALL, DAY, DAY, tmp_path, plant=Plant.parse(text))
    entry = json.loads((tmp_path / "planted.json").read_text())["days"][DAY]
    rows = pq.ParquetFile(tmp_path / f"ds={DAY}" / "part-0.parquet").read().to_pylist()
    ids = Counter(row["transaction_id"] for row in rows)
    expected = {(bad["row"], bad["rule"]) for bad in entry["rows"]}
    expected |= {
        (bad["twin_row"], bad["rule"]) for bad in entry["rows"] if bad["twin_row"] is not None
    }
    found = {
        (position, rule)
        for position, row in enumerate(rows)
        for rule in set(DEFECTS.values())
        if breaks(rule, row, ids)
    }
    assert found == expected
    assert len({position for position, _ in found}) == len(found), "a row breaks one rule only"
    assert len(entry["rows"]) == (23 if text == "rows=23" else -(-len(rows) // 20))
    assert {bad["defect"] for bad in entry["rows"]} == set(DEFECTS)
    assert all(
        rows[bad["row"]]["transaction_id"] == bad["transaction_id"] for bad in entry["rows"]
    )
    assert entry["refused_rows"] == Counter(rule for _, rule in expected)


def test_planting_leaves_the_other_rows_as_they_were(tmp_path):
    write_day(SMALL, DAY, tmp_path / "sound")
    written = write_day(SMALL, DAY, tmp_path / "bad", Plant(rows=10))
    sound, bad = (
        pq.ParquetFile(tmp_path / name / f"ds={DAY}" / "part-0.parquet").read().to_pylist()
        for name in ("sound", "bad")
    )
    differing = [position for position, row in enumerate(bad) if row != sound[position]]
    assert differing == [row.row for row in written.planted.rows]


def test_bad_files_are_bad_in_the_way_they_are_named(tmp_path):
    kinds = ("truncated", "missing_column", "text_amount", "empty")
    days = days_between(DAY, shift(DAY, 3))
    plant = Plant.parse(
        ",".join(f"{kind}={day}" for kind, day in zip(kinds, days, strict=True))
    )
    simulate(SMALL, days[0], days[-1], tmp_path, plant=plant)
    truncated, *others = (tmp_path / f"ds={day}" / "part-0.parquet" for day in days)
    with pytest.raises(pa.ArrowInvalid, match="magic bytes"):
        pq.ParquetFile(truncated)
    missing, text, empty = (pq.ParquetFile(path).read() for path in others)
    assert missing.schema.names == [name for name in COLUMNS if name != "terminal_id"]
    assert text.schema.field("tx_amount").type == pa.string()
    assert float(text["tx_amount"][0].as_py()) == day_columns(SMALL, days[2])["tx_amount"][0]
    assert (empty.num_rows, empty.schema.names) == (0, COLUMNS)
    record = json.loads((tmp_path / "planted.json").read_text())["days"]
    assert [record[day]["kind"] for day in days] == list(kinds)


def test_a_reader_of_the_old_file_keeps_it_whole_while_a_day_is_rewritten(tmp_path):
    path = tmp_path / f"ds={DAY}" / "part-0.parquet"
    write_day(SMALL, DAY, tmp_path)
    before = path.read_bytes()
    with path.open("rb") as reader:
        write_day(SMALL, DAY, tmp_path, Plant.parse(f"empty={DAY}"))
        assert reader.read() == before
    assert path.read_bytes() != before


def test_rewriting_a_day_without_a_plant_repairs_it_and_its_record(tmp_path):
    next_day = shift(DAY, 1)
    simulate(SMALL, DAY, next_day, tmp_path, plant=Plant.parse(f"truncated={DAY},rows=3"))
    simulate(SMALL, DAY, DAY, tmp_path)
    assert list(json.loads((tmp_path / "planted.json").read_text())["days"]) == [next_day]
    simulate(SMALL, next_day, next_day, tmp_path)
    assert not (tmp_path / "planted.json").exists()
    assert pq.ParquetFile(tmp_path / f"ds={DAY}" / "part-0.parquet").metadata.num_rows > 200
    assert not list(tmp_path.rglob(".*"))


def test_a_plant_too_large_for_a_day_is_refused_and_earlier_days_stay_on_record(tmp_path):
    tiny = Simulation(rows_per_day=20, seed=1)
    days = days_between(DAY, shift(DAY, 29))
    rows = {day: day_columns(tiny, day)["tx_fraud"].size for day in days}
    first = max(days[:15], key=rows.__getitem__)
    plant = Plant(rows=rows[first] - 4)
    # Of each 7 bad rows one is a duplicate, which takes a sound twin.
    short = next(day for day in days if day > first and rows[day] < rows[first] - 4)
    with pytest.raises(ConfigError, match=rf"{short} has {rows[short]} rows, and planting"):
        simulate(tiny, first, short, tmp_path, plant=plant)
    assert first in json.loads((tmp_path / "planted.json").read_text())["days"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows=20,truncatd=2026-01-05", "'truncatd' is not something to plant. .* 'truncated'"),
        ("row=20", "Did you mean 'rows'"),
        ("zzz=1", "Known: rows, truncated, missing_column"),
        ("rows", "'rows' is not name=value"),
        ("rows=many", "rows='many' is not a whole number"),
        ("rows=1,rows=2", "gives rows twice, 1 and 2"),
        ("empty=yesterday", "plant empty 'yesterday' is not a calendar day"),
        ("empty=2026-01-05,truncated=2026-01-05", "names 2026-01-05 2 times"),
        ("", "plants nothing"),
    ],
)
def test_a_plant_that_cannot_be_read_is_refused_with_the_way_out(text, message):
    with pytest.raises(ConfigError, match=message):
        Plant.parse(text)


def test_a_plant_is_read_from_the_command_lines_form():
    plant = Plant.parse("rows=20, truncated=2026-01-05 ,mostly_bad=2026-01-09")
    bad_days = (("2026-01-05", "truncated"), ("2026-01-09", "mostly_bad"))
    assert plant == Plant(rows=20, bad_days=bad_days)


def test_a_bad_day_outside_of_the_range_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"empty=2026-02-01 is outside of 2026-01-05 to"):
        simulate(SMALL, DAY, shift(DAY, 1), tmp_path, plant=Plant.parse("empty=2026-02-01"))
