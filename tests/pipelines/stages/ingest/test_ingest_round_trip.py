"""Zero, false, empty, null, NaN, infinities and times survive ingest apart, from either format.

A reader that cannot distinguish a zero from a missing value has lost data that no rule can find
(tensorflow/tfx#6407).
"""

import itertools
import math
import struct
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.spec import Column, Source, Table, load
from tests.pipelines.shared.tables.made import DAY, done, published

COLUMNS = (
    Column("id", "integer"),
    Column("at", "timestamp"),
    Column("number", "number", nullable=True),
    Column("whole", "integer", nullable=True),
    Column("text", "text", nullable=True),
    Column("flag", "flag", nullable=True),
    Column("seen", "timestamp", nullable=True),
)
START = datetime.fromisoformat("2018-04-01")
EARLIEST = datetime.fromisoformat("0001-01-02")
LATEST = datetime.fromisoformat("9999-12-30")
AWKWARD = [
    "",
    " ",
    "0",
    "0.0",
    "null",
    "NULL",
    "NaN",
    "None",
    "false",
    '"',
    "a,b",
    "a\nb",
    "é",
    "\\N",
]
NUMBERS = [0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0.1]

rows = st.lists(
    st.tuples(
        st.none() | st.sampled_from(NUMBERS) | st.floats(allow_nan=True, allow_infinity=True),
        st.none()
        | st.sampled_from([0, -(2**63), 2**63 - 1])
        | st.integers(-(2**63), 2**63 - 1),
        st.none()
        | st.sampled_from(AWKWARD)
        | st.text(
            st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"), max_size=6
        ),
        st.none() | st.booleans(),
        st.none() | st.datetimes(EARLIEST, LATEST),
    ),
    min_size=1,
    max_size=12,
)
EVERY = list(
    itertools.zip_longest(
        [None, *NUMBERS], [None, 0, 1, -1], [None, *AWKWARD], [None, False, True], [None, START]
    )
)


def pipeline(kind):
    table = Table(
        name="things",
        columns=COLUMNS,
        row_id="id",
        event_time="at",
        source=Source(path="ds={day}/*", format=kind),
    )
    return replace(load("fraud_detection"), tables=(table,), examples="things")


def deliver(given_rows, folder, kind):
    """Write the rows with nothing of ours: pyarrow's own Parquet writer, and CSV by hand."""
    path = folder / f"ds={DAY}" / f"part.{kind}"
    path.parent.mkdir(parents=True)
    numbered = [(n, START + timedelta(seconds=n), *row) for n, row in enumerate(given_rows)]
    if kind == "parquet":
        kinds = [pa.int64(), pa.timestamp("us"), pa.float64(), pa.int64(), pa.string()]
        kinds += [pa.bool_(), pa.timestamp("us")]
        values = zip(*numbered, strict=True)
        arrays = [pa.array(v, kind) for v, kind in zip(values, kinds, strict=True)]
        pq.write_table(pa.table(arrays, names=[c.name for c in COLUMNS]), path)
        return
    lines = [",".join(c.name for c in COLUMNS)]
    lines += [",".join(_field(value) for value in row) for row in numbered]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def _field(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return value.isoformat(" ") if isinstance(value, datetime) else repr(value)


def exact(value):
    """A value by its kind and its bits: -0.0 is not 0.0 here, and NaN is itself."""
    if isinstance(value, bool):
        return ("int", int(value))
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else struct.pack("<d", value))
    return (type(value).__name__, value)


@given(rows)
@example(EVERY)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_values_keep_their_kind_and_their_bits_from_parquet_and_from_csv(
    tmp_path_factory, given_rows
):
    folder = tmp_path_factory.mktemp("round-trip")
    for kind in ("parquet", "csv"):
        deliver(given_rows, folder / kind, kind)
        done("ingest", folder / f"store-{kind}", folder / kind, pipeline(kind))
        read = pq.read_table(published(folder / f"store-{kind}", "ingested") / "part-0.parquet")
        found = [[exact(row[c.name]) for c in COLUMNS[2:]] for row in read.to_pylist()]
        assert found == [[exact(value) for value in row] for row in given_rows], kind
