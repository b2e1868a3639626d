"""new --from: what is written, what is said, and what is refused."""

import sqlite3
from datetime import timedelta

import pytest

from pipelines.cli.app import app
from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.drivers.scaffold.from_data import scaffold_from
from pipelines.drivers.scaffold.project import init
from pipelines.spec import load
from pipelines.spec.folders import VARIABLE
from tests.pipelines.drivers.scaffold.profile.made_sources import made_columns, write

SHAPE = {
    "row_id": "code",
    "time": "german",
    "entity": "code",
    "label": "yes",
    "kinds": ["decimals", "classes"],
    "headers": ["Price (EUR)", "Kind"],
    "null": "?",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    init(folder, "example")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(folder)
    write(folder / "data", made_columns(400, 0, step=timedelta(hours=3), **SHAPE), "csv", ";")
    return folder


def cli(*words):
    app(args=list(words), standalone_mode=False)


def test_the_files_are_written_and_what_comes_next_is_printed(project, capsys):
    cli("new", "visits", "--from", "data/visits.csv")
    printed = capsys.readouterr().out
    assert "wrote pipelines/visits/declaration.py" in printed
    assert "guess  label outcome: Binary()" in printed
    assert " check visits --source data --day 2026-01-01" in printed
    pipeline = load("visits")
    table = pipeline.table
    assert (table.row_id, table.event_time) == ("row_id", "event_time")
    assert (table.files.delimiter, table.files.nulls) == (";", ("", "?"))
    assert table.column("price_eur").source_name == "Price (EUR)"
    assert table.column("price_eur").unit == "EUR"
    assert table.column("outcome").words == {"no": 0, "yes": 1}
    assert pipeline.entities[0].column == "customer_id"
    split = pipeline.split
    assert split.train_days + split.gap_days + split.test_days == 51
    text = (project / "pipelines/visits/declaration.py").read_text()
    assert text.count("# guess") >= len(table.columns)


def test_nothing_is_written_over_and_nothing_where_the_data_cannot_be_read(project):
    cli("new", "visits", "--from", "data/visits.csv")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="'visits' exists already"):
        cli("new", "visits", "--from", "data/visits.csv")
    with pytest.raises(ConfigError, match="no such file"):
        cli("new", "others", "--from", "data/nowhere.csv")
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_folder_of_months_is_declared_by_months(project):
    for month in range(1, 10):
        columns = made_columns(30, month, **SHAPE | {"time": "iso"})
        columns["event_time"] = [
            text.replace("-01-", f"-{month:02}-") for text in columns["event_time"]
        ]
        write(project / "data" / f"m-2026-{month:02}", columns, "parquet")
    (project / "data/visits.csv").unlink()
    scaffold_from("monthly", project, "data")
    pipeline = load("monthly")
    assert pipeline.table.files.path == "m-{year}-{month}/visits.parquet"
    assert pipeline.table.grain == "month"
    assert pipeline.schedule.start == "2026-01-01"


def test_what_has_no_candidate_is_a_todo_that_check_reports(project, capsys):
    (project / "data/plain.csv").write_text(
        "a,b\n" + "".join(f"{n % 3},{n % 2}.5\n" for n in range(50))
    )
    cli("new", "plain", "--from", "data/plain.csv")
    printed = capsys.readouterr().out
    assert printed.count("TODO   ") == 3
    assert "Say in pipelines/plain/declaration.py what is TODO" in printed
    with pytest.raises(DeclarationError) as found:
        load("plain")
    for name in ("todo_row_id", "todo_event_time", "todo_label"):
        assert name in str(found.value)


REFUSED = {
    "empty.csv": (b"", "empty"),
    "header.csv": (b"a,b\n", "has no rows"),
    "one.csv": (b"a\n1\n2\n", r"has 1 column \(a\)"),
    "latin.csv": ("a,b\n\xe4,1\n".encode("latin-1"), "not UTF-8"),
    "numbers.csv": (b"1,2\n3,4\n", "no names of columns"),
    "prose.csv": (
        b"Dear all,\nplease find, as agreed, the\nfile below.\nYours, B\nA, b, c, d\n",
        "no table|fields as",
    ),
    "cut.parquet": (b"PAR1abc", "cut.parquet"),
    "array.jsonl": (b"[1, 2]\n", "not JSON lines"),
    "text.jsonl": (b"hello\n", "not JSON lines"),
    "sheet.xlsx": (b"no sheet", "sheet.xlsx"),
    "x.orc": (b"no orc", "x.orc"),
    "x.feather": (b"no feather", "x.feather"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_data_that_is_no_table_is_refused_with_what_to_do(name, project):
    content, message = REFUSED[name]
    (project / "data" / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        scaffold_from("broken", project, f"data/{name}")
    assert not (project / "pipelines/broken").exists()


@pytest.fixture
def database(project):
    with sqlite3.connect(project / "shop.db") as connection:
        connection.execute(
            'CREATE TABLE orders (id INTEGER, "Placed at" TEXT, customer INTEGER, paid INTEGER)'
        )
        rows = [(n, f"2026-01-{n % 28 + 1:02} 10:00:00", n % 7, n % 2) for n in range(140)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    return "sqlite:///shop.db"


def test_a_table_of_a_database_is_asked_for_by_partition(database, project):
    written = scaffold_from("shop", project, database, table="orders")
    assert (written.days, written.source) == (("2026-01-01", "2026-01-28"), database)
    table = load("shop").table
    assert table.source.sql == (
        'SELECT * FROM orders WHERE "Placed at" >= :start AND "Placed at" < :end'
    )
    assert table.column("placed_at").source_name == "Placed at"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Say which rows are meant"),
        ({"table": "orders", "query": "SELECT 1"}, "Say which rows are meant"),
        ({"table": "nowhere"}, "no such table: nowhere"),
        ({"query": "DELETE FROM orders"}, "only read"),
        ({"query": "SELECT * FROM orders WHERE id > :start AND id < :end"}, "without them"),
        ({"query": "SELECT * FROM orders WHERE id < 0"}, "0 rows"),
    ],
)
def test_a_query_that_cannot_be_asked_is_refused(database, project, given, message):
    with pytest.raises(ConfigError, match=message):
        scaffold_from("shop", project, database, **given)


def test_a_table_is_of_a_database_alone(project):
    with pytest.raises(ConfigError, match=r"--from data/visits\.csv is a path"):
        scaffold_from("shop", project, "data/visits.csv", table="orders")
    with pytest.raises(ConfigError, match="Pass --from with its URI"):
        cli("new", "shop", "--table", "orders")
