"""Times keep their instant or are refused: int96, the edges of units, offsets, and clocks that change."""

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import DeclarationError, SchemaError
from pipelines.spec import Column, load, require_valid
from pipelines.stages.ingest.values.cast import from_text, from_typed
from pipelines.stages.ingest.values.times import Clock
from tests.pipelines.shared.tables.made import (
    DAY,
    csv_pipeline,
    done,
    published,
    transactions,
    with_column,
    write_source,
)
from tests.pipelines.time_zones import ZONES, near_a_change

TIME = Column("w", "timestamp")
EPOCH, JULIAN_EPOCH = datetime(1970, 1, 1), 2_440_588  # noqa: DTZ001
MICROSECOND = timedelta(microseconds=1)
HEADER = "transaction_id,tx_datetime,customer_id,terminal_id,tx_amount,tx_fraud\n"
LINE = "{},{},5,7,12.34,0\n"


def row_name(row):
    return f"row {row}"


def typed(values, kind, clock=None):
    array = pa.chunked_array([pa.array(values, pa.int64()).cast(kind)])
    return from_typed(array, TIME, "f", row_name, clock or Clock()).cast(pa.int64()).to_pylist()


def parsed(texts, clock=None):
    array = pa.chunked_array([pa.array(texts, pa.string())])
    return from_text(array, TIME, "f", row_name, clock or Clock()).cast(pa.int64()).to_pylist()


def int96_source(root, raws):
    """A day whose event times are these pairs of Julian day and nanoseconds of the day."""
    marks = [datetime(2018, 4, 1) + (n + 1) * MICROSECOND for n in range(len(raws))]  # noqa: DTZ001
    table = with_column(transactions(len(raws)), "TX_DATETIME", pa.array(marks))
    path = write_source(root, table)
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(table, path, use_deprecated_int96_timestamps=True, **plain)
    content, julian = path.read_bytes(), JULIAN_EPOCH + (marks[0] - EPOCH).days
    for n, (day, nanoseconds) in enumerate(raws):
        mark = struct.pack("<qi", (n + 1) * 1000, julian)
        assert content.count(mark) == 1
        content = content.replace(mark, struct.pack("<QI", nanoseconds, day))
    path.write_bytes(content)


def ingested_us(store):
    part = pq.read_table(published(store, "ingested") / "part-0.parquet")
    return part["tx_datetime"].cast(pa.int64()).to_pylist()


def test_int96_times_far_from_today_are_read_without_wrapping(tmp_path):
    last = (datetime(9999, 12, 31) - EPOCH).days  # noqa: DTZ001
    first = (datetime(1, 1, 1) - EPOCH).days  # noqa: DTZ001
    day_us = 86_400_000_000
    days = (last, first, 0, 17_622)
    int96_source(tmp_path, [(JULIAN_EPOCH + day, 1_999) for day in days])
    done("ingest", tmp_path / "store", tmp_path)
    assert ingested_us(tmp_path / "store") == [day * day_us + 1 for day in days]


def test_an_event_a_whole_turn_of_the_nanoseconds_ahead_does_not_land_inside_the_day(tmp_path):
    inside = 17_622 * 86_400 * 10**9 + 5 * 10**9
    day, rest = divmod(inside + 2**64, 86_400 * 10**9)
    int96_source(tmp_path, [(JULIAN_EPOCH + day, rest)] + [(JULIAN_EPOCH + 17_622, 0)] * 1)
    done("ingest", tmp_path / "store", tmp_path)
    assert ingested_us(tmp_path / "store")[0] == (inside + 2**64) // 1000


@pytest.mark.parametrize("day", [2**32 - 1, 2**31, JULIAN_EPOCH + 106_751_992, 1])
def test_an_int96_time_that_there_is_not_is_refused_with_row_and_value(tmp_path, day):
    int96_source(tmp_path, [(JULIAN_EPOCH, 0), (day, 0)])
    seconds = (day - JULIAN_EPOCH) * 86_400
    with pytest.raises(
        SchemaError, match=rf"holds {seconds} s since 1970 in row 1 .*years 1 to"
    ):
        done("ingest", tmp_path / "store", tmp_path)


PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@given(
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**10), 10**10),
    st.sampled_from([None, "America/New_York"]),
)
def test_every_unit_keeps_the_instant_or_is_refused(unit, value, zone):
    expected = value * 10**6 // PER_SECOND[unit]
    kind = pa.timestamp(unit, zone)
    if -62_135_596_800 * 10**6 <= expected < 253_402_300_800 * 10**6:
        assert typed([0, value], kind) == [0, expected]
    else:
        with pytest.raises(SchemaError, match=r"holds .* in row 1, .*Correct the source"):
            typed([0, value], kind)


@pytest.mark.parametrize(
    ("kind", "value"), [(pa.date32(), 2**31 - 1), (pa.date64(), 86_400_000 * 10**11)]
)
def test_a_date_that_there_is_not_is_refused(kind, value):
    array = pa.array([value], pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
    with pytest.raises(SchemaError, match=r"since 1970 in row 0, .*Correct the source"):
        from_typed(pa.chunked_array([array]), TIME, "f", row_name)


@pytest.mark.parametrize(
    "text", ["2500-01-01T00:00:00.1234567899", "2500-01-01 00:00:00.123456"]
)
def test_digits_below_a_microsecond_are_cut_off_in_any_year(text):
    expected = (datetime(2500, 1, 1, 0, 0, 0, 123_456) - EPOCH) // MICROSECOND  # noqa: DTZ001
    assert parsed([text, text + "Z", None]) == [expected, expected, None]


@pytest.mark.parametrize(
    "text", ["0000-01-01", "9999-12-31T23:59:59-01:00", "10000-01-01", "2018-02-30"]
)
def test_a_text_that_is_no_time_is_refused_with_its_row(text):
    with pytest.raises(SchemaError, match=rf"holds '{text}' in row 1, "):
        parsed(["2018-04-01T00:00:00Z", text])


NAIVE, ZONED = (
    LINE.format(1, "2018-04-01 00:00:01"),
    LINE.format(2, "2018-04-01T02:00:02+02:00"),
)


def with_source(pipeline, **given):
    source = replace(pipeline.table.source, **given)
    return replace(pipeline, tables=(replace(pipeline.table, source=source),))


def deliver(root, files):
    for name, text in files.items():
        path = root / f"ds={DAY}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEADER + text)


@pytest.mark.parametrize(
    ("files", "reported"),
    [
        (
            {"a.csv": NAIVE, "b.csv": ZONED},
            r"b.csv: .*offset from UTC in line 2.*a.csv has one without",
        ),
        (
            {"a.csv": ZONED, "b.csv": NAIVE},
            r"a.csv: .*offset from UTC in line 2.*b.csv has one without",
        ),
        (
            {"a.csv": NAIVE + ZONED},
            r"a.csv: .*in line 3, and .*a.csv has one without in line 2",
        ),
        ({"a.csv": ZONED + LINE.format(3, "2018-04-01")}, "declare source.time_zone"),
    ],
)
def test_times_with_and_without_an_offset_in_one_day_are_refused_or_declared(
    tmp_path, files, reported
):
    deliver(tmp_path, files)
    with pytest.raises(SchemaError, match=reported):
        done("ingest", tmp_path / "store", tmp_path, csv_pipeline())
    declared = with_source(csv_pipeline(), time_zone="UTC")
    assert done("ingest", tmp_path / "store", tmp_path, declared)["rows"] == 2


def test_parquet_files_with_and_without_a_zone_in_one_day_are_refused_or_declared(tmp_path):
    table = transactions(30)
    zoned = table["TX_DATETIME"].cast(pa.timestamp("us", "UTC"))
    write_source(tmp_path, table.slice(0, 10), "a.parquet")
    write_source(tmp_path, with_column(table, "TX_DATETIME", zoned).slice(10), "b.parquet")
    with pytest.raises(
        SchemaError, match=r"b.parquet: column 'tx_datetime' .*a.parquet has one"
    ):
        done("ingest", tmp_path / "store", tmp_path)
    declared = with_source(load("fraud_detection"), time_zone="UTC")
    done("ingest", tmp_path / "store", tmp_path, declared)
    expected = table["TX_DATETIME"].cast(pa.int64()).to_pylist()
    assert ingested_us(tmp_path / "store") == expected


BERLIN = "Europe/Berlin"
TWICE, NEVER = "2018-10-28 02:30:00", "2018-03-25 02:30:00"


@pytest.mark.parametrize(
    ("text", "reported"), [(TWICE, "occurs twice"), (NEVER, "does not occur")]
)
def test_a_time_that_comes_twice_or_never_in_its_zone_is_refused(text, reported):
    with pytest.raises(
        SchemaError,
        match=rf"holds '{text}' in row 1, which {reported} in {BERLIN}.*repeated_hour",
    ):
        parsed(["2018-10-28 01:59:59", text], Clock(BERLIN))
    micros = (datetime.fromisoformat(text) - EPOCH) // MICROSECOND
    with pytest.raises(SchemaError, match=rf"row 1, which {reported} in {BERLIN}"):
        typed([0, micros * 1000], pa.timestamp("ns"), Clock(BERLIN))


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001
    | near_a_change().map(lambda instant: instant.replace(tzinfo=None)),
    st.sampled_from([0, 1]),
)
def test_a_declared_zone_gives_the_instant_that_python_gives(zone, naive, fold):
    clock = Clock(zone, "second" if fold else "first")
    local = naive.replace(fold=fold, tzinfo=ZoneInfo(zone))
    back = local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if back != naive:
        with pytest.raises(SchemaError, match="does not occur"):
            parsed([str(naive)], clock)
        return
    expected = (local.astimezone(UTC).replace(tzinfo=None) - EPOCH) // MICROSECOND
    assert parsed([str(naive)], clock) == [expected]
    micros = (naive - EPOCH) // MICROSECOND
    assert typed([micros], pa.timestamp("us"), clock) == [expected]


def test_a_source_without_a_zone_is_in_that_of_the_pipeline(tmp_path):
    path = tmp_path / f"ds={DAY}" / "a.csv"
    path.parent.mkdir()
    path.write_text(HEADER + LINE.format(1, "2018-04-01 00:30:00"))
    there = replace(csv_pipeline(), time_zone=BERLIN)
    results = [
        done("ingest", tmp_path / "store", tmp_path, pipeline)
        for pipeline in (there, with_source(there, time_zone="UTC"))
    ]
    us = [datetime(2018, 3, 31, 22, 30), datetime(2018, 4, 1, 0, 30)]  # noqa: DTZ001
    assert ingested_us(tmp_path / "store") == [(us[1] - EPOCH) // MICROSECOND]
    done("ingest", tmp_path / "store", tmp_path, there)
    assert ingested_us(tmp_path / "store") == [(us[0] - EPOCH) // MICROSECOND]
    assert results[0]["digest"] != results[1]["digest"]


def test_a_time_with_an_offset_is_not_moved_by_the_declared_zone():
    expected = (datetime.fromisoformat("2018-10-28 00:30:00") - EPOCH) // MICROSECOND
    assert parsed(["2018-10-28T02:30:00+02:00"], Clock(BERLIN)) == [expected]
    assert typed([expected], pa.timestamp("us", BERLIN), Clock(BERLIN)) == [expected]


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"time_zone": "Europe/Berlyn"}, "time_zone 'Europe/Berlyn' is not a time zone"),
        ({"time_zone": ""}, "time_zone '' is not a time zone"),
        ({"repeated_hour": "fist"}, "Did you mean 'first'?"),
    ],
)
def test_a_clock_that_there_is_not_is_refused_when_it_is_declared(given, reported):
    with pytest.raises(DeclarationError, match=reported):
        require_valid(with_source(csv_pipeline(), **given))
