"""Scores in a table of PostgreSQL: types, replacement in one transaction, two at once, a kill inside the commit."""

import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from pipelines.core.errors import ConfigError, TransientError
from pipelines.spec import Scoring
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
from tests.services import postgres
from tests.services.conftest import made_settings
from tests.services.topology import free_port

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "s3cret/pass@word"
TABLE = "alerts.scores"
PIPELINE = dataclasses.replace(FRAUD, scoring=Scoring(connection="cases", table=TABLE))


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A PostgreSQL server with a database of one role."""
    postgres.binaries()
    settings = made_settings(tmp_path_factory.mktemp("cases") / ".env")
    port = free_port()
    with postgres.server(port, settings):
        admin = settings["POSTGRES_PASSWORD"]
        for sql in (
            f"CREATE ROLE cases LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE cases OWNER cases",
        ):
            postgres.query(port, "postgres", "postgres", admin, sql)
        yield port


@pytest.fixture
def query(port, monkeypatch):
    """Statements in that database, whose schema is empty at first."""
    quoted = PASSWORD.replace("/", "%2F").replace("@", "%40")
    uri = f"postgres://cases:{quoted}@127.0.0.1:{port}/cases"
    monkeypatch.setenv("AIRFLOW_CONN_CASES", uri)
    where = f"host=127.0.0.1 port={port} dbname=cases user=cases password={PASSWORD}"

    def run(sql):
        with psycopg.connect(where, autocommit=True) as database:
            found = database.execute(sql)
            return found.fetchall() if found.description else []

    run("DROP SCHEMA IF EXISTS alerts CASCADE")
    run("CREATE SCHEMA alerts")
    return run


@pytest.fixture
def store(tmp_path):
    publish_day(tmp_path, DAY)
    publish_day(tmp_path, NEXT, rows=200, seed=2)
    register(tmp_path, publish_dense(tmp_path, decision=ALERTING))
    return tmp_path


COUNTS = f"SELECT scored_partition, count(*) FROM {TABLE} GROUP BY 1 ORDER BY 1"


def test_a_row_is_the_published_one_in_types_of_the_database(store, query):
    rows = rows_of(store, scored(store, pipeline=PIPELINE)).to_pylist()
    found = query(
        f"SELECT transaction_id, tx_datetime, score, probability, decision, reasons::json, model_version, "
        f"features_digest FROM {TABLE} ORDER BY transaction_id"
    )
    for row, own in zip(rows, found, strict=True):
        names = ("transaction_id", "tx_datetime", "score", "probability", "decision", "reasons")
        assert own[:2] == (row["transaction_id"], row["tx_datetime"])
        assert own[2:4] == pytest.approx((row["score"], row["probability"]), rel=1e-6)
        assert own[4:7] == (row["decision"], row[names[5]], row["model_version"])
        assert own[7] == row["features_digest"]


def test_days_are_replaced_one_by_one_and_mended(store, query):
    for day in (DAY, NEXT, DAY):
        scored(store, day, pipeline=PIPELINE)
    assert query(COUNTS) == [(DAY, 300), (NEXT, 200)]
    publish_day(store, DAY, rows=120, seed=9)
    scored(store, DAY, pipeline=PIPELINE)
    assert query(COUNTS) == [(DAY, 120), (NEXT, 200)]
    query(f"DELETE FROM {TABLE} WHERE transaction_id < 50")
    scored(store, DAY, pipeline=PIPELINE)
    assert query(f"SELECT count(*) FROM {TABLE} WHERE scored_partition = '{DAY}'") == [(120,)]


def test_a_kill_inside_the_commit_leaves_the_former_rows_and_a_retry_the_new_ones(
    store, query, tmp_path
):
    scored(store, DAY, pipeline=PIPELINE)
    publish_day(store, DAY, rows=120, seed=9)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.pipelines.stages.score.killed_scoring"),
            *(str(store), "inside the commit", "", os.environ["AIRFLOW_CONN_CASES"], TABLE),
        ],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -9, ended.stderr.decode()[-2000:]
    assert query(COUNTS) == [(DAY, 300)]
    scored(store, DAY, pipeline=PIPELINE)
    assert query(COUNTS) == [(DAY, 120)]


def test_two_that_write_a_day_at_once_leave_it_once(store, query, tmp_path_factory):
    roots = [store]
    for seed in (5, 6):
        root = tmp_path_factory.mktemp("other")
        publish_day(root, DAY, seed=seed)
        register(root, publish_dense(root, decision=ALERTING))
        roots.append(root)
    threads = [
        threading.Thread(target=scored, args=(root,), kwargs={"pipeline": PIPELINE})
        for root in roots
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert query(COUNTS) == [(DAY, 300)]
    assert query(f"SELECT count(DISTINCT scored_as) FROM {TABLE}") == [(1,)]


def test_what_the_database_refuses_is_said_in_its_words_without_the_password(
    store, query, monkeypatch
):
    query(f"CREATE TABLE {TABLE} (pipeline text, scored_partition text, scored_as text)")
    with pytest.raises(ConfigError, match=r"does not exist.*rename or drop a table"):
        scored(store, pipeline=PIPELINE)
    elsewhere = dataclasses.replace(
        PIPELINE, scoring=Scoring(connection="cases", table="nowhere.scores")
    )
    with pytest.raises(ConfigError, match=r'schema "nowhere" does not exist'):
        scored(store, pipeline=elsewhere)
    wrong = os.environ["AIRFLOW_CONN_CASES"].replace("s3cret", "other")
    monkeypatch.setenv("AIRFLOW_CONN_CASES", wrong)
    with pytest.raises((ConfigError, TransientError), match="password authentication") as error:
        scored(store, pipeline=PIPELINE)
    assert "word" not in str(error.value).replace("password", "")
