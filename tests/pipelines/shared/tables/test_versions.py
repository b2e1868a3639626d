"""The local days on which versions of rows are known."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipelines.shared.tables.versions import name_of, versions_of
from pipelines.spec import Column, load

TABLE = load("fraud_detection").table
TABLE = replace(
    TABLE, columns=(*TABLE.columns, Column("known", "timestamp")), known_time="known"
)


def times(*texts):
    found = [t and datetime.fromisoformat(t).replace(tzinfo=UTC) for t in texts]
    return pa.array(found, pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))


@pytest.mark.parametrize(
    ("zone", "known"),
    [
        ("UTC", ["2026-03-29", "2026-03-29", "2026-03-30"]),
        ("Europe/Berlin", ["2026-03-30", "2026-03-29", "2026-03-31"]),
        ("America/New_York", ["2026-03-29", "2026-03-29", "2026-03-30"]),
    ],
)
def test_a_row_is_known_on_the_local_day_of_its_known_time(zone, known):
    rows = pa.table(
        {
            "transaction_id": [1, 2, 3],
            "tx_datetime": times(*["2026-03-29 12:00"] * 3),
            "known": times("2026-03-29 22:30", None, "2026-03-30 22:00"),
        }
    )
    versions = versions_of(rows, TABLE, zone)
    assert [name_of(int(day)) for day in versions.known] == known


def test_a_month_has_one_table_for_itself_and_one_for_each_later_day():
    rows = pa.table(
        {
            "transaction_id": [1, 2, 3],
            "tx_datetime": times("2026-03-02", "2026-03-20", "2026-03-31"),
            "known": times("2026-03-03", "2026-04-02", "2026-04-05"),
        }
    )
    parts = {
        known: mask.tolist() for known, mask in versions_of(rows, TABLE).parts("2026-03-31")
    }
    assert parts == {
        "2026-03-31": [True, False, False],
        "2026-04-02": [True, True, False],
        "2026-04-05": [True, True, True],
    }
