"""A writer that is killed inside its transaction, after pages of it are in the database.

Called with the database, ``delete`` or ``wal``, and ``before`` or ``after``: whether the kill comes
before the commit or after it. A cache of a few pages makes SQLite sync its journal and write to the
database long before the commit, as a slow disk or a long transaction does.
"""

import json
import os
import signal
import sqlite3
import sys


def insert_tag(connection, model, tags):
    connection.executemany(
        "INSERT INTO registered_model_tags (key, value, name, workspace) "
        f"SELECT ?, ?, name, workspace FROM registered_models WHERE name='{model}'",
        tags,
    )


def main():
    path, mode, moment = sys.argv[1:]
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA cache_size=4")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE registered_model_aliases SET version=2")
    change = {"version": 2, "was": 3, "from_day": "2026-01-03", "how": "by hand"}
    insert_tag(connection, "fraud", [("champion_0003", json.dumps(change))])
    long = [(f"written-{n}", "x" * 400) for n in range(500)]
    insert_tag(connection, "other", long)
    if moment == "after":
        connection.execute("COMMIT")
    os.kill(os.getpid(), signal.SIGKILL)


main()
