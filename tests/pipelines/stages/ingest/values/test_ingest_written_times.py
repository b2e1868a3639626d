"""Times in a declared format, beside Python's own ``strptime``."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from math import floor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import SchemaError
from pipelines.spec import Column
from pipelines.spec.time_formats import format_problems
from pipelines.stages.ingest.values.cast import from_text, from_typed
from pipelines.stages.ingest.values.times import Clock

at = datetime.fromisoformat
FORMATS = (
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%y %I:%M %p",
    "%Y%m%d%H%M%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%d %b %Y",
    "%A, %B %d %Y, %I.%M%p",
    "%Y-%m-%d %H:%M:%S%z",
    "%j/%Y %H",
    "100%% %d.%m.%y",
    "%a %d %b %Y %H:%M:%S.%f %z",
)
TIMES = st.datetimes(at("1900-01-01"), at("2199-12-31T23:59:59.999999"))
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timedelta(minutes=minutes))
SMALL = st.text(" 0123456789.:/-APMapm+Z", max_size=22)


def column(time_format):
    return Column("t", "timestamp", time_format=time_format)


def parsed(texts, time_format, clock=Clock()):  # noqa: B008
    values = pa.chunked_array([pa.array(texts, pa.string())])
    return from_text(values, column(time_format), "f", "row {}".format, clock).to_pylist()


def typed(values, time_format):
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return from_typed(
        pa.chunked_array([array]), column(time_format), "f", "row {}".format
    ).to_pylist()


def by_python(text, time_format):
    """Naive UTC by Python; None where Python refuses it."""
    try:
        found = datetime.strptime(text, time_format)  # noqa: DTZ007
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


@given(
    time_format=st.sampled_from(FORMATS),
    moments=st.lists(TIMES | st.none(), min_size=1, max_size=6),
    ahead=ZONES,
    stripped=st.booleans(),
)
def test_written_times_are_read_as_python_reads_them(time_format, moments, ahead, stripped):
    assert not list(format_problems(time_format))
    texts = [m and m.replace(tzinfo=timezone(ahead)).strftime(time_format) for m in moments]
    if stripped and "%y" not in time_format:
        texts = [t and t.replace(" 0", " ").replace("/0", "/").lower() for t in texts]
    assert parsed(texts, time_format) == [t and by_python(t, time_format) for t in texts]


REFUSING = ("%d.%m.%Y", "%m/%d/%y %H:%M", "%Y%m%d", "%H:%M:%S.%f %d-%m-%Y", "%Y-%m-%d %I%p")


@given(
    time_format=st.sampled_from(REFUSING),
    text=SMALL | TIMES.map(str) | TIMES.map("{:%Y%m%d}".format),
    good=TIMES,
)
def test_a_text_is_refused_where_python_refuses_it(time_format, text, good):
    first = good.strftime(time_format)
    expected = by_python(text.strip(), time_format)
    if expected is None and text.strip():
        with pytest.raises(SchemaError, match="in row 1, wh"):
            parsed([first, text], time_format)
    else:
        assert parsed([first, text], time_format) == [by_python(first, time_format), expected]


def test_texts_of_one_width_and_of_several_are_the_same_times():
    narrow, wide = (
        ["1.2.2018 3:04", "11.12.2018 13:14"],
        ["01.02.2018 03:04", "11.12.2018 13:14"],
    )
    assert parsed(narrow, "%d.%m.%Y %H:%M") == parsed(wide, "%d.%m.%Y %H:%M")


@pytest.mark.parametrize(
    ("text", "time_format", "wanted"),
    [
        ("2018-04-01 02:00:00.123456789", "%Y-%m-%d %H:%M:%S.%f", "2018-04-01T02:00:00.123456"),
        ("2018-04-01 02:00+02", "%Y-%m-%d %H:%M%z", "2018-04-01T00:00"),
        ("2018-04-01 02:00Z", "%Y-%m-%d %H:%M%z", "2018-04-01T02:00"),
        (" 01.04.2018 ", "%d.%m.%Y", "2018-04-01"),
        ("29.02.2024", "%d.%m.%Y", "2024-02-29"),
        ("366/2024", "%j/%Y", "2024-12-31"),
        ("12:00 AM 1/2/68", "%I:%M %p %m/%d/%y", "2068-01-02T00:00"),
        ("12:00 PM 1/2/69", "%I:%M %p %m/%d/%y", "1969-01-02T12:00"),
    ],
)
def test_what_a_text_means(text, time_format, wanted):
    assert parsed([text], time_format) == [at(wanted)]


@pytest.mark.parametrize(
    ("text", "time_format", "message"),
    [
        (
            "29.02.2023",
            "%d.%m.%Y",
            "holds '29.02.2023' in row 2, which is not a day of the calendar",
        ),
        (
            "12/31/2018",
            "%d/%m/%Y",
            r"not written as '%d/%m/%Y'. Expected a time in the column's time_format",
        ),
        ("2018-04-01", "%d.%m.%Y", "not written as"),
        ("366/2023", "%j/%Y", "not a day of the calendar"),
        ("2018-04-01 23:59:60", "%Y-%m-%d %H:%M:%S", "seconds are not 0 to 59"),
        ("0000-04-01", "%Y-%m-%d", "not a day of the calendar"),
        ("9999-12-31 23:00-0200", "%Y-%m-%d %H:%M%z", "outside of the years 1 to 9999"),
        ("1.5e9", "epoch_s", "not written as 'epoch_s'"),
        ("1522540800000", "epoch_s", "outside of the years 1 to 9999, as 'epoch_s'"),
        ("9" * 19, "epoch_us", "not written as 'epoch_us'"),
    ],
)
def test_a_text_that_is_no_time_of_the_format_is_named_by_its_row(text, time_format, message):
    good = {"%d.%m.%Y": "01.04.2018", "%d/%m/%Y": "01/04/2018", "%j/%Y": "001/2018"}
    good |= {
        "%Y-%m-%d %H:%M:%S": "2018-04-01 00:00:00",
        "%Y-%m-%d %H:%M%z": "2018-04-01 00:00Z",
    }
    first = good.get(time_format, "2018-04-01" if "%" in time_format else "5")
    with pytest.raises(SchemaError, match=message):
        parsed([first, None, text], time_format)


def test_a_local_time_that_occurs_twice_is_refused_or_resolved():
    berlin = Clock("Europe/Berlin")
    assert parsed(["01.07.2023 12:00"], "%d.%m.%Y %H:%M", berlin) == [at("2023-07-01T10:00")]
    with pytest.raises(
        SchemaError, match=r"'29.10.2023 02:30' in row 1, which occurs twice in Europe"
    ):
        parsed([None, "29.10.2023 02:30"], "%d.%m.%Y %H:%M", berlin)
    second = Clock("Europe/Berlin", "second")
    assert parsed(["29.10.2023 02:30"], "%d.%m.%Y %H:%M", second) == [at("2023-10-29T01:30")]
    # An instant needs no zone.
    assert parsed(["1698539400"], "epoch_s", berlin) == [at("2023-10-29T00:30")]


MICROS = st.integers(-62_135_596_800 * 10**6, 253_402_300_800 * 10**6 - 1)
EPOCH = at("1970-01-01")


@given(
    st.lists(MICROS, max_size=5),
    st.sampled_from([("epoch_s", 6), ("epoch_ms", 3), ("epoch_us", 0)]),
    st.integers(0, 999),
)
def test_numbers_since_1970_are_exact_and_rounded_down(micros, unit, below):
    time_format, digits = unit
    numbers = [Decimal(m * 1000 + below).scaleb(-digits - 3) for m in micros]
    wanted = [EPOCH + timedelta(microseconds=floor(Fraction(n) * 10**digits)) for n in numbers]
    assert parsed([f"{n:f}" for n in numbers], time_format) == wanted
    if not below:
        assert typed(pa.array(numbers, pa.decimal128(30, 9)), time_format) == wanted
    whole = [int(n) for n in numbers]
    assert typed(pa.array(whole, pa.int64()), time_format) == parsed(
        map(str, whole), time_format
    )


def test_numbers_of_every_arrow_type_are_seconds_since_1970():
    for kind in (pa.int32(), pa.uint32(), pa.int64(), pa.uint64(), pa.float64()):
        assert typed(pa.array([1522540800, None], kind), "epoch_s") == [at("2018-04-01"), None]
    assert typed(pa.array([1522540800.1, float("nan")]), "epoch_s") == [
        at("2018-04-01T00:00:00.1"),
        None,
    ]
    assert typed(np.array([-0.5]), "epoch_s") == [at("1969-12-31T23:59:59.5")]
    assert typed(["1522540800"], "epoch_s") == [at("2018-04-01")]
    assert typed(["01.04.2018"], "%d.%m.%Y") == [at("2018-04-01")]
    assert typed(pa.array([at("2018-04-01")]), "%d.%m.%Y") == [at("2018-04-01")]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([1, 2**63], pa.uint64()), "row 1, a time outside of the years"),
        (pa.array([float("inf")]), "outside of the years"),
        (pa.array([1522540800.0], pa.float32()), "may have lost digits"),
        (pa.array([True]), "is bool .such as True. where timestamp is declared"),
    ],
)
def test_a_number_that_is_no_time_is_refused(values, message):
    with pytest.raises(SchemaError, match=message):
        typed(values, "epoch_s")
