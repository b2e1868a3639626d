"""Rows of SQL queries from PostgreSQL: types, bounds, order, snapshot, rights and errors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.airflow.operator import StageOperator
from pipelines import api
from pipelines.core.errors import (
    ConfigError,
    SchemaError,
    SourceNotReadyError,
    TransientError,
)
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Work, perform, stage_named
from pipelines.spec import Column, Pipeline, Query, Table, load
from pipelines.stages.ingest.sources import query
from tests.end_to_end.tables import shop
from tests.end_to_end.tables.conftest import DECLARATIONS
from tests.services import postgres
from tests.services.conftest import made_settings
from tests.services.topology import free_port

pytestmark = [pytest.mark.services, pytest.mark.timeout(1800)]

DAY = "2026-03-29"
PASSWORD = "s3cret/pass@word"
BY_DAY = "SELECT * FROM labs WHERE taken >= :start AND taken < :end"
COLUMNS = (
    Column("lab_id", "text"),
    Column("taken", "timestamp"),
    Column("patient", "integer"),
    Column("value", "number", nullable=True),
    Column("abnormal", "flag", nullable=True),
    Column("born", "timestamp", nullable=True),
    Column("note", "text", nullable=True),
)


@dataclass(frozen=True)
class Hospital:
    """A database with one role that may read and write."""

    port: int

    @property
    def uri(self) -> str:
        """Its address without a password."""
        return f"postgresql://shop@127.0.0.1:{self.port}/shop"

    @property
    def variable(self) -> str:
        """Its address as Airflow keeps connections."""
        quoted = PASSWORD.replace("/", "%2F").replace("@", "%40")
        return f"postgres://shop:{quoted}@127.0.0.1:{self.port}/shop"

    @property
    def where(self) -> dict[str, Any]:
        """Its address for psycopg."""
        named = {"host": "127.0.0.1", "port": self.port, "dbname": "shop", "user": "shop"}
        return named | {"password": PASSWORD}

    def run(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        with psycopg.connect(**self.where, autocommit=True) as database:
            for statement in statements:
                database.execute(statement)

    def insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows."""
        marks = ", ".join(["%s"] * len(rows[0]))
        with psycopg.connect(**self.where) as database, database.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """A PostgreSQL server with an empty database."""
    postgres.binaries()
    settings = made_settings(tmp_path_factory.mktemp("shop") / ".env")
    port = free_port()
    with postgres.server(port, settings):
        admin = settings["POSTGRES_PASSWORD"]
        for sql in (
            f"CREATE ROLE shop LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE shop OWNER shop",
        ):
            postgres.query(port, "postgres", "postgres", admin, sql)
        yield Hospital(port)


@pytest.fixture
def labs(server: Hospital, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    """The table of laboratory values, as a hospital has it."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", server.variable)
    server.run(
        "DROP TABLE IF EXISTS labs",
        "CREATE TABLE labs (lab_id uuid, taken timestamptz, patient bigint, value numeric, "
        "abnormal boolean, born date, note text, extra jsonb)",
        "INSERT INTO labs VALUES "
        "('00000000-0000-0000-0000-00000000000b', '2026-03-29 00:30+00', 9007199254740993, 57.16, "
        "true, '1950-02-28', 'ä ''quoted'' 100%', '{\"a\": 1}'), "
        "('00000000-0000-0000-0000-00000000000a', '2026-03-29 01:30:00.123456+02', 2, 0.29, "
        "false, NULL, '', NULL), "
        "('00000000-0000-0000-0000-00000000000c', '2026-03-29 23:59:59.999999+00', 3, NULL, "
        "NULL, '1850-01-01', NULL, NULL), "
        "('00000000-0000-0000-0000-00000000000d', '2026-03-30 00:00+00', 4, 1, true, NULL, 'x', NULL), "
        "('00000000-0000-0000-0000-00000000000e', '2026-03-28 12:00+00', 5, 1, true, NULL, 'x', NULL)",
    )
    return server


def naive(text: str) -> datetime:
    """A time as ingest stores it."""
    return datetime.fromisoformat(text)


def declared(sql: str = BY_DAY, zone: str = "UTC", **source: Any) -> Pipeline:
    """A pipeline whose examples are the laboratory values."""
    given = {"connection": "shop"} | source
    table = Table(
        "labs", COLUMNS, row_id="lab_id", event_time="taken", source=Query(sql=sql, **given)
    )
    card = load("fraud_detection")
    return replace(card, tables=(table,), examples="labs", entities=(), time_zone=zone)


def ingested(
    folder: Path, pipeline: Pipeline, day: str = DAY, source: str | None = None
) -> pa.Table:
    """The rows of a day as ingest publishes them."""
    work = Work(
        pipeline=pipeline,
        store=Store(str(folder)),
        report=Reporter(f"ingest ds={day}"),
        partition=day,
        source=source,
        history_from=day,
    )
    perform(stage_named("ingest"), work)
    manifest = work.find(work.partition_ref("ingested"))
    assert manifest is not None
    return pq.read_table(work.store.open(manifest) / "part-0.parquet")


def test_every_type_becomes_the_declared_one_without_loss(labs: Hospital, tmp_path: Path):
    rows = ingested(tmp_path, declared()).to_pylist()
    assert [row["lab_id"][-1] for row in rows] == ["b", "c"]
    first = rows[0]
    assert first["patient"] == 9007199254740993
    assert first["value"] == 57.16
    assert first["abnormal"] == 1
    assert first["born"] == naive("1950-02-28")
    assert first["taken"] == naive("2026-03-29 00:30")
    assert first["note"] == "ä 'quoted' 100%"
    assert [rows[1][name] for name in ("value", "abnormal", "note")] == [None, None, None]


def test_empty_text_and_null_stay_distinct(labs: Hospital, tmp_path: Path):
    rows = ingested(tmp_path, declared(), "2026-03-28").to_pylist()
    assert {row["lab_id"][-1]: row["note"] for row in rows} == {"a": "", "e": "x"}


@pytest.mark.parametrize(
    ("zone", "ids"),
    # Clocks go forward in Berlin on that day, which has 23 hours.
    [("UTC", "bc"), ("Europe/Berlin", "ab"), ("America/New_York", "cd")],
)
def test_bounds_are_the_instants_of_the_day_in_its_zone(
    labs: Hospital, tmp_path: Path, zone: str, ids: str
):
    rows = ingested(tmp_path, declared(zone=zone))
    assert "".join(lab[-1] for lab in rows["lab_id"].to_pylist()) == ids


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_times_without_an_offset_are_of_the_declared_zone(
    labs: Hospital, tmp_path: Path, zone: str
):
    labs.run(
        f"ALTER TABLE labs ALTER taken TYPE timestamp USING taken AT TIME ZONE '{zone}'",
    )
    local = ingested(tmp_path / "local", declared(time_zone=zone))
    assert [lab[-1] for lab in local["lab_id"].to_pylist()] == ["b", "c"]
    assert local["taken"].to_pylist()[0] == naive("2026-03-29 00:30")


def test_the_order_does_not_depend_on_the_database(labs: Hospital, tmp_path: Path):
    labs.run(
        "ALTER TABLE labs ALTER lab_id TYPE text",
        "INSERT INTO labs SELECT chr(65 + (n * 7) % 26 + 32 * (n % 2)) || n, "
        "'2026-03-29 12:00+00', n, 1, true, NULL, NULL, NULL FROM generate_series(1, 500) n",
    )
    first = ingested(tmp_path / "first", declared())
    ids = first["lab_id"].to_pylist()
    assert ids == sorted(ids)
    labs.run("CREATE TABLE other AS SELECT * FROM labs ORDER BY random()", "DROP TABLE labs")
    labs.run("ALTER TABLE other RENAME TO labs")
    assert ingested(tmp_path / "again", declared()).equals(first)


def test_rows_committed_while_the_query_streams_are_not_in_the_result(
    labs: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    labs.run(
        "INSERT INTO labs SELECT gen_random_uuid(), '2026-03-29 12:00+00', n, 1, true, NULL, NULL, "
        "NULL FROM generate_series(1, 1000) n"
    )
    monkeypatch.setattr(query, "BLOCK_ROWS", 10)
    fetched: Callable[..., Any] = query._until_failure

    def interrupted(*given: Any) -> Iterator[pa.Table]:
        for number, block in enumerate(fetched(*given)):
            if number == 1:
                labs.run("UPDATE labs SET value = 2", "DELETE FROM labs WHERE patient > 500")
                labs.run(
                    "INSERT INTO labs VALUES (gen_random_uuid(), '2026-03-29 12:00+00', 1, 9)"
                )
            yield block

    monkeypatch.setattr(query, "_until_failure", interrupted)
    rows = ingested(tmp_path, declared())
    assert rows.num_rows == 1002
    assert set(rows["value"].to_pylist()) == {57.16, None, 1.0}


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM nope WHERE t >= :start AND t < :end", 'relation "nope" does not exist'),
        (
            "SELECT nope FROM labs WHERE taken >= :start AND taken < :end",
            'column "nope" does not',
        ),
        ("SELECT * FROM labs WHERE taken >= :start AND :end >", "syntax error"),
        (
            "SELECT *, 1 / 0 AS x FROM labs WHERE taken >= :start AND taken < :end",
            "division by zero",
        ),
        ("SELECT * FROM pg_authid WHERE now() BETWEEN :start AND :end", "permission denied"),
        (
            "WITH gone AS (DELETE FROM labs RETURNING *) "
            "SELECT * FROM gone WHERE taken >= :start AND taken < :end",
            "data-modifying statement must be at the top level",
        ),
    ],
)
def test_a_wrong_statement_is_permanent_and_in_the_database_s_own_words(
    labs: Hospital, tmp_path: Path, sql: str, words: str
):
    with pytest.raises(ConfigError, match=words):
        ingested(tmp_path, declared(sql))


def test_a_function_that_writes_is_refused(labs: Hospital, tmp_path: Path):
    labs.run(
        "CREATE OR REPLACE FUNCTION emptied() RETURNS SETOF labs LANGUAGE sql AS "
        "$$ DELETE FROM labs RETURNING * $$"
    )
    with pytest.raises(ConfigError, match=r"read-only transaction.*writes nothing"):
        ingested(
            tmp_path, declared("SELECT * FROM emptied() WHERE taken BETWEEN :start AND :end")
        )
    labs.run("DROP FUNCTION emptied")
    assert ingested(tmp_path, declared()).num_rows == 2


def test_a_wrong_password_is_permanent_and_not_shown(
    labs: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", labs.variable.replace("s3cret", "geheim"))
    with pytest.raises(ConfigError, match="password authentication failed") as raised:
        ingested(tmp_path, declared())
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("uri", ["postgres://shop:geheim@127.0.0.1:1/shop"])
def test_a_database_that_does_not_answer_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
):
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", uri)
    with pytest.raises(TransientError, match=r"refused.*tried again") as raised:
        ingested(tmp_path, declared())
    assert "geheim" not in str(raised.value)


def test_a_statement_that_takes_too_long_is_tried_again(labs: Hospital, tmp_path: Path):
    labs.run("ALTER ROLE shop SET statement_timeout = '50ms'")
    slow = "SELECT labs.*, pg_sleep(1) FROM labs WHERE taken >= :start AND taken < :end"
    with pytest.raises(TransientError, match=r"statement timeout.*tried again"):
        ingested(tmp_path, declared(slow))
    labs.run("ALTER ROLE shop RESET statement_timeout")


def test_a_value_that_python_has_not_is_said_so(labs: Hospital, tmp_path: Path):
    labs.run("UPDATE labs SET born = 'infinity'")
    with pytest.raises(ConfigError, match=r"date too large.*Correct"):
        ingested(tmp_path, declared())
    labs.run("UPDATE labs SET born = NULL", "UPDATE labs SET value = 'NaN' WHERE patient > 5")
    assert str(ingested(tmp_path, declared())["value"].to_pylist()[0]) == "nan"


def test_a_column_of_another_type_refuses_the_day(labs: Hospital, tmp_path: Path):
    sql = BY_DAY.replace("*", "lab_id, taken, patient, extra AS value, abnormal, born, note")
    with pytest.raises(SchemaError, match=r"'value' is struct.*where number is declared"):
        ingested(tmp_path, declared(sql))


def test_a_day_that_the_database_has_not_reached_is_waited_for(labs: Hospital, tmp_path: Path):
    with pytest.raises(SourceNotReadyError, match="no rows of the day 2026-04-02"):
        ingested(tmp_path, declared(), "2026-04-02")
    assert ingested(tmp_path, declared(), "2026-03-27").num_rows == 0


def test_the_source_of_a_run_may_be_the_database(labs: Hospital, tmp_path: Path):
    source = labs.variable.replace("postgres:", "postgresql:")
    by_source = ingested(tmp_path, declared(connection=""), source=source)
    assert by_source.num_rows == 2
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s3cret" not in written


def test_a_decimal_of_any_length_keeps_its_digits(labs: Hospital):
    from pipelines.stages.ingest.sources.row_blocks import arrow_block

    digits = Decimal("12345678901234567890123456789012345678901.000001")
    assert arrow_block([(digits,)], ["value"], "here", 0)["value"][0].as_py() == digits


@pytest.fixture
def orders(labs: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables of the declared pipeline ``shop_orders``."""
    monkeypatch.setenv("MILLRACE_PIPELINES", str(DECLARATIONS))
    labs.run("DROP TABLE IF EXISTS orders, articles", *shop.TABLES)
    labs.insert("articles", shop.articles())
    labs.insert("orders", shop.orders())


def test_the_operator_gives_the_connection_to_its_process_alone(
    orders: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    task: dict[str, Any] = {"task_id": "ingest", "stage": "ingest", "pipeline": "shop_orders"}
    task |= {"store": str(tmp_path), "partition": "2026-03-02"}
    result = StageOperator(**task).execute({})
    again = StageOperator(**task).execute({})
    assert result["rows"] > 100
    assert again["cached"]
    shown = capsys.readouterr().out + repr(result)
    assert "python -m pipelines stage ingest shop_orders" in shown
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "s3cret" not in shown
    assert b"s3cret" not in written


def test_a_table_of_postgresql_ends_in_a_verdict(orders: None, tmp_path: Path):
    quick = {"training.epochs": 2, "training.threads": 1, "evaluation.bootstrap_samples": 20}
    summary = api.run(
        api.pipeline("shop_orders", quick),
        tmp_path / "store",
        source=None,
        from_="2026-03-01",
        to="2026-03-15",
        options={"track": False},
    )
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert summary["refused"] == []
    assert summary["stages"]["validate"]["rows"] == shop.ROWS
    assert summary["metrics"]["auc"] > 0.6
