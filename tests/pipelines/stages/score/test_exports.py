"""Copies of scores outside the store: a Parquet file a day, and rows of a table, here of SQLite.

PostgreSQL is in ``tests/services/test_score_exports.py``.
"""

import dataclasses
import json
import sqlite3
from contextlib import closing

import fsspec
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import ConfigError, DeclarationError, TransientError
from pipelines.spec import Scoring, require_valid
from tests.pipelines.made_models import FRAUD
from tests.pipelines.stages.score.scored_days import (
    ALERTING,
    DAY,
    NEXT,
    publish_day,
    publish_dense,
    register,
    rows_of,
    scored,
)


def declared(**scoring):
    return dataclasses.replace(FRAUD, scoring=Scoring(**scoring))


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "store"
    publish_day(root, DAY)
    publish_day(root, NEXT, rows=200, seed=2)
    register(root, publish_dense(root, decision=ALERTING), publish_dense(root, seed=1))
    return root


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A pipeline whose scores go to a table of a SQLite database, and a query of that database."""
    path = tmp_path / "cases.db"
    monkeypatch.setenv("AIRFLOW_CONN_CASES", f"sqlite:///{path}")

    def query(sql):
        with closing(sqlite3.connect(path)) as database, database:
            return database.execute(sql).fetchall()

    return declared(connection="cases", table="alerts"), query


def test_a_folder_gets_a_file_a_day_with_the_published_rows(store, tmp_path):
    pipeline = declared(files=str(tmp_path / "copies"))
    result = scored(store, pipeline=pipeline)
    scored(store, NEXT, pipeline=pipeline)
    assert sorted(p.name for p in (tmp_path / "copies").iterdir()) == [
        f"ds={DAY}",
        f"ds={NEXT}",
    ]
    copy = pq.read_table(
        tmp_path / "copies" / f"ds={DAY}" / "scores.parquet", partitioning=None
    )
    assert copy.replace_schema_metadata(None).equals(rows_of(store, result))
    assert ds.dataset(tmp_path / "copies", partitioning="hive").count_rows() == 500


def test_any_file_system_gets_the_same_bytes(store, tmp_path):
    scored(store, pipeline=declared(files=str(tmp_path / "copies")))
    scored(store, pipeline=declared(files="memory://bucket/copies"))
    there = fsspec.filesystem("memory").cat_file(f"/bucket/copies/ds={DAY}/scores.parquet")
    assert there == (tmp_path / "copies" / f"ds={DAY}" / "scores.parquet").read_bytes()


@pytest.mark.parametrize("harm", ["gone", "half", "other"])
def test_a_copy_that_is_gone_or_of_other_scores_is_made_again(store, tmp_path, harm):
    pipeline = declared(files=str(tmp_path / "copies"))
    scored(store, pipeline=pipeline)
    file = tmp_path / "copies" / f"ds={DAY}" / "scores.parquet"
    whole = file.read_bytes()
    if harm == "gone":
        file.unlink()
    elif harm == "half":
        file.write_bytes(whole[: len(whole) // 2])
    else:
        pq.write_table(pq.read_table(file, partitioning=None).slice(3), file)
    assert scored(store, pipeline=pipeline)["cached"] is True
    assert file.read_bytes() == whole


def test_a_copy_that_stands_is_not_written_again(store, tmp_path):
    pipeline = declared(files=str(tmp_path / "copies"))
    scored(store, pipeline=pipeline)
    file = tmp_path / "copies" / f"ds={DAY}" / "scores.parquet"
    before = file.stat().st_mtime_ns
    scored(store, pipeline=pipeline)
    assert file.stat().st_mtime_ns == before


def test_a_folder_that_is_declared_later_gets_what_is_published(store, tmp_path):
    scored(store)
    assert scored(store, pipeline=declared(files=str(tmp_path / "copies")))["cached"] is True
    assert (tmp_path / "copies" / f"ds={DAY}" / "scores.parquet").exists()


def test_a_table_has_each_row_with_its_reasons(store, table):
    pipeline, query = table
    result = scored(store, pipeline=pipeline)
    rows = rows_of(store, result).to_pylist()
    found = query("SELECT transaction_id, score, decision, reasons, model_version FROM alerts")
    assert [each[0] for each in found] == [row["transaction_id"] for row in rows]
    assert [each[1] for each in found] == pytest.approx(
        [row["score"] for row in rows], rel=1e-6
    )
    assert [bool(each[2]) for each in found] == [row["decision"] for row in rows]
    assert [json.loads(each[3]) if each[3] else None for each in found] == [
        row["reasons"] for row in rows
    ]
    assert any(each[3] for each in found)
    assert {each[4] for each in found} == {1}
    owner = query("SELECT DISTINCT pipeline, scored_partition FROM alerts")
    assert owner == [(FRAUD.name, DAY)]


def test_a_days_rows_are_replaced_and_no_other_days(store, table):
    pipeline, query = table
    for day in (DAY, NEXT, DAY):
        scored(store, day, pipeline=pipeline)
    count = "SELECT scored_partition, count(*) FROM alerts GROUP BY 1 ORDER BY 1"
    assert query(count) == [(DAY, 300), (NEXT, 200)]
    publish_day(store, DAY, rows=120, seed=9)
    scored(store, DAY, pipeline=pipeline)
    assert query(count) == [(DAY, 120), (NEXT, 200)]


def test_rows_that_somebody_deleted_are_written_again(store, table):
    pipeline, query = table
    scored(store, pipeline=pipeline)
    query("DELETE FROM alerts WHERE transaction_id < 100")
    assert scored(store, pipeline=pipeline)["cached"] is True
    assert query("SELECT count(*) FROM alerts") == [(300,)]


def test_scores_of_a_chosen_version_are_copied_nowhere(store, table, tmp_path):
    pipeline, query = table
    both = dataclasses.replace(
        pipeline, scoring=dataclasses.replace(pipeline.scoring, files=str(tmp_path / "copies"))
    )
    scored(store, pipeline=both, version="2")
    assert query("SELECT name FROM sqlite_master") == []
    assert not (tmp_path / "copies").exists()


def test_a_table_of_other_columns_says_what_to_do(store, table):
    pipeline, query = table
    query("CREATE TABLE alerts (scored_as TEXT, pipeline TEXT, scored_partition TEXT)")
    with pytest.raises(
        ConfigError, match=r"connection cases, table alerts: .* rename or drop a table"
    ):
        scored(store, pipeline=pipeline)


def test_a_connection_that_is_not_defined_says_how_to_define_it(store):
    with pytest.raises(ConfigError, match="connection 'nobody' is not defined"):
        scored(store, pipeline=declared(connection="nobody", table="alerts"))


def test_a_database_that_is_locked_is_tried_again(store, table, monkeypatch, tmp_path):
    pipeline, query = table
    scored(store, pipeline=pipeline)
    query("DELETE FROM alerts")
    monkeypatch.setattr("pipelines.stages.score.export_table.TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(tmp_path / "cases.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TransientError, match="locked"):
            scored(store, pipeline=pipeline)
    assert scored(store, pipeline=pipeline)["cached"] is True
    assert query("SELECT count(*) FROM alerts") == [(300,)]


WRONG = {
    "no table": ({"connection": "cases"}, "scoring.table is empty"),
    "no connection": ({"table": "alerts"}, "scoring.connection is empty"),
    "a statement": (
        {"connection": "c", "table": "a; DROP TABLE b"},
        "is not the name of a table",
    ),
    "three parts": ({"connection": "c", "table": "a.b.c"}, "is not the name of a table"),
    "too many reasons": ({"reasons": 51}, "scoring.reasons must be from 0 to 50"),
    "less than none": ({"reasons": -1}, "scoring.reasons must be from 0 to 50"),
    "a password": ({"files": "s3://me:secret@bucket/x"}, "contains a password or a key"),
}


@pytest.mark.parametrize(("scoring", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_declaration_says_what_to_write(scoring, says):
    with pytest.raises(DeclarationError, match=says) as error:
        require_valid(declared(**scoring))
    assert "secret" not in str(error.value) or "not secret" in str(error.value)


def test_a_file_system_that_is_not_known_says_so(store):
    with pytest.raises(ConfigError, match="'nowhere://x' cannot be opened"):
        scored(store, pipeline=declared(files="nowhere://x"))
