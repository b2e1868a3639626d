"""A table of a SQLite database, by an Airflow connection of the environment."""

import sqlite3
from contextlib import closing

import pytest

from tests.end_to_end.tables.shop import ROWS, TABLES, articles, orders


def write_database(path):
    with closing(sqlite3.connect(path)) as database:
        for statement in TABLES:
            database.execute(statement)
        database.executemany("INSERT INTO articles VALUES (?, ?)", articles())
        texts = [(n, f"{time:%Y-%m-%d %H:%M:%S}", *rest) for n, time, *rest in orders()]
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", texts)
        database.commit()


@pytest.mark.slow
def test_a_table_of_a_database_ends_in_a_verdict(run_pipeline, tmp_path, monkeypatch):
    write_database(tmp_path / "shop.db")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", f"sqlite:///{tmp_path}/shop.db")
    summary = run_pipeline("shop_orders", None, "2026-03-01", "2026-03-15")
    assert summary["verdict"] in ("PROMOTE", "HOLD", "REJECT")
    assert summary["refused"] == []
    assert summary["stages"]["validate"]["rows"] == ROWS
    assert summary["metrics"]["auc"] > 0.6
