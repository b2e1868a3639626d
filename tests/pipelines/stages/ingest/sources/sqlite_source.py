"""Card transactions in a SQLite database, and the pipeline that reads them by a query."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace

from pipelines.spec import Query, load
from tests.pipelines.shared.tables.made import transactions

BY_DAY = "SELECT * FROM tx WHERE tx_datetime >= :start AND tx_datetime < :end"
COLUMNS = "TRANSACTION_ID, TX_DATETIME, CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT, TX_FRAUD"


def query_pipeline(sql=BY_DAY, **query):
    """Card fraud with a query as its source."""
    pipeline = load("fraud_detection")
    table = replace(pipeline.table, source=Query(sql=sql, **query))
    return replace(pipeline, tables=(table,))


def rows_of(table, sep=" "):
    """A table's rows as SQLite keeps them: times as texts."""
    texts = [time.isoformat(sep) for time in table["TX_DATETIME"].to_pylist()]
    columns = table.to_pydict() | {"TX_DATETIME": texts}
    return list(zip(*columns.values(), strict=True))


def write_database(path, rows=None, seed=0):
    """A database with the rows in an order of no meaning; returns its URI."""
    rows = rows_of(transactions()) if rows is None else list(rows)
    random.Random(seed).shuffle(rows)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"CREATE TABLE IF NOT EXISTS tx ({COLUMNS})")
        database.execute("DELETE FROM tx")
        database.executemany("INSERT INTO tx VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()
    return f"sqlite:///{path}"


def changed(path, sql, *values):
    """Change the database in a transaction of its own."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(sql, values)
        database.commit()
