"""Row ids and entities of several columns as one text."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.store import Store
from pipelines.shared.expectations.quarantined import lines_of, quarantined_days
from pipelines.spec import Column, Entity, Source, load, require_valid
from pipelines.stages.ingest.values.composites import joined
from tests.pipelines.shared.tables.made import DAY, done, published, transactions, write_source

TEXT = st.text(st.sampled_from("|\\ab1"), max_size=4)
ROWS = st.lists(
    st.tuples(st.none() | TEXT, TEXT, st.integers(-11, 11)), min_size=2, max_size=20
)


def texts_of(rows):
    columns = [
        pa.chunked_array([[row[n] for row in rows]], kind) for n, kind in enumerate(KINDS)
    ]
    return joined(columns).to_pylist()


KINDS = (pa.string(), pa.string(), pa.int64())


@given(ROWS)
def test_texts_are_equal_exactly_where_every_part_is(rows):
    found = texts_of(rows)
    assert [text is None for text in found] == [row[0] is None for row in rows]
    known = {(row, text) for row, text in zip(rows, found, strict=True) if text is not None}
    assert len({row for row, _ in known}) == len({text for _, text in known}) == len(known)


def test_a_person_reads_them():
    times = ["2013-01-01", "2013-01-01T05:15", "2013-01-01T05:15:00.000007"]
    parts = [
        pa.array(np.array(times, "datetime64[us]")),
        pa.array(["UA", "a|b", "c\\"]),
        pa.array([1545, 2, 3]),
    ]
    assert joined([pa.chunked_array([part]) for part in parts]).to_pylist() == [
        "2013-01-01|UA|1545",
        "2013-01-01 05:15:00|a\\|b|2",
        "2013-01-01 05:15:00.000007|c\\\\|3",
    ]


def flights():
    """Card fraud's table as flights: an id of two columns, a route of two more."""
    pipeline = load("fraud_detection")
    more = [Column("carrier", "text"), Column("dest", "text", sensitive=False)]
    columns = (*pipeline.table.columns, *more)
    table = replace(
        pipeline.table, row_id=("transaction_id", "carrier"), columns=columns, unique_days=None
    )
    return require_valid(
        replace(
            pipeline,
            tables=(replace(table, source=Source()),),
            entities=(*pipeline.entities, Entity("route", ("terminal_id", "dest"))),
            validation=replace(pipeline.validation, max_quarantined_share=0.5),
        )
    )


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day with one id twice, and one that lacks a part."""
    root, rows = tmp_path_factory.mktemp("flights"), transactions(100)
    carriers = ["UA", "AA"] * 50
    ids = rows["TRANSACTION_ID"].to_pylist()
    ids[1], carriers[1], carriers[7] = ids[0], "UA", None
    rows = rows.set_column(0, "TRANSACTION_ID", pa.array(ids))
    rows = rows.append_column("CARRIER", pa.array(carriers))
    write_source(root / "source", rows.append_column("DEST", pa.array(["X|Y", "Z"] * 50)))
    done("ingest", root / "store", root / "source", flights())
    return root, done("validate", root / "store", None, flights())


def test_a_row_is_identified_by_all_parts_of_its_id_and_nulls_are_quarantined(day):
    _, result = day
    assert result["quarantined"] == {"_id.unique": 2, "carrier.not_null": 1}
    assert result["rows"] == 97


def test_stored_tables_have_the_composites_and_histories_two_hashes_of_a_text(day):
    root, _ = day
    folder = published(root / "store", "validated")
    good = pq.read_table(folder / "part-0.parquet")
    assert good.column_names[-3:] == ["_id", "_route", "_row"]
    first = good.slice(0, 1).to_pylist()[0]
    assert first["_route"] == f"{first['terminal_id']}|{first['dest']}".replace("X|Y", "X\\|Y")
    assert pq.read_schema(folder / "history-route.parquet").names[:2] == ["_entity", "_check"]
    assert "_check" not in pq.read_schema(folder / "history-customer.parquet").names
    assert (published(root / "store", "ingested") / "ids.i64").stat().st_size == 98 * 8


def test_composites_of_a_sensitive_part_are_masked_wherever_lines_are_shown(day):
    root, _ = day
    assert {"_id", "carrier", "_route"} <= flights().sensitive_columns()
    days = quarantined_days(Store(str(root / "store")), "fraud_detection", DAY, DAY)
    lines = lines_of(days, flights(), None, 10)
    assert len(lines) == 3
    assert all(line["_id"] != "0|UA" for line in lines)
    report = (published(root / "store", "validated") / "report.json").read_text()
    assert "0|UA" not in report
