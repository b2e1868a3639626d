"""Tables of a PostgreSQL and a SQLite database, by an Airflow connection of the environment."""

import sqlite3
from contextlib import closing

import psycopg
import pytest

from tests.end_to_end.tables.shop import ROWS, TABLES, articles, orders
from tests.services.postgres import packaged_server
from tests.services.topology import free_port

PASSWORD = "kept-to-itself"


def write_database(path):
    with closing(sqlite3.connect(path)) as database:
        for statement in TABLES:
            database.execute(statement)
        database.executemany("INSERT INTO articles VALUES (?, ?)", articles())
        texts = [(n, f"{time:%Y-%m-%d %H:%M:%S}", *rest) for n, time, *rest in orders()]
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", texts)
        database.commit()


@pytest.fixture
def sqlite(tmp_path):
    """The address of a SQLite database with the shop's tables."""
    write_database(tmp_path / "shop.db")
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def postgresql():
    """The address of a PostgreSQL server with the shop's tables."""
    port = free_port()
    where = f"postgres:{PASSWORD}@127.0.0.1:{port}/postgres"
    with packaged_server(port, PASSWORD):
        with psycopg.connect(f"postgresql://{where}") as database, database.cursor() as cursor:
            for statement in TABLES:
                cursor.execute(statement)
            cursor.executemany("INSERT INTO articles VALUES (%s, %s)", articles())
            cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s, %s, %s, %s)", orders())
        yield f"postgres://{where}"


@pytest.mark.parametrize(
    "database", ["postgresql", pytest.param("sqlite", marks=pytest.mark.slow)]
)
def test_a_table_of_a_database_ends_in_a_verdict(
    run_pipeline, tmp_path, monkeypatch, request, database
):
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", request.getfixturevalue(database))
    summary = run_pipeline("shop_orders", None, "2026-03-01", "2026-03-15")
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert summary["refused"] == []
    assert summary["stages"]["validate"]["rows"] == ROWS
    assert summary["metrics"]["auc"] > 0.6
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
    assert PASSWORD.encode() not in stored
