"""Each format of source files: the same rows, and an error of its own for each kind of damage."""

import gzip
import json
import os
import sys
import time
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import feather, orc

from pipelines.api.opening import PipelineHandle
from pipelines.api.stages import run_stage
from pipelines.core.errors import (
    ConfigError,
    SchemaError,
    SourceNotReadyError,
    SourceUnreadableError,
)
from pipelines.spec import Column, Source, Table, load
from pipelines.spec.sources import SOURCE_FORMATS
from pipelines.stages.ingest.formats import FORMATS
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.rows import read_blocks
from pipelines.stages.ingest.sources.locate import SourceFile
from tests.pipelines.stages.ingest.formats.made_xlsx import write_xlsx

DAY, NAME = "2018-04-01", "visits"
at = datetime.fromisoformat
ROWS = {
    "Visit No.": [3, 1, 2, 2**53 - 1],
    "seen": [
        at("2018-04-01"),
        at("2018-04-01T12:30"),
        at("2018-04-01T23:59:59"),
        at("2018-04-01T08:00"),
    ],
    "Wert (mg/dl) \u00b5": [1.5, None, -2.25, 1e-7],
    "READMITTED": ["no", "<30", "?", None],
    "code": ["250.01", "V57", None, "007"],
    "not declared": [1, 2, 3, 4],
}
WANTED = {
    "visit": ROWS["Visit No."],
    "seen": ROWS["seen"],
    "value": ROWS["Wert (mg/dl) \u00b5"],
    "again": ROWS["Wert (mg/dl) \u00b5"],
    "readmitted": [0, 1, None, None],
    "code": ROWS["code"],
}
COLUMNS = (
    Column("visit", "integer", source_name="Visit No."),
    Column("seen", "timestamp"),
    Column("value", "number", source_name="Wert (mg/dl) \u00b5", nullable=True),
    Column("again", "number", source_name="Wert (mg/dl) \u00b5", nullable=True),
    Column("readmitted", "flag", words={"no": 0, "<30": 1, "?": None}, nullable=True),
    Column("code", "text", nullable=True),
)


def write_json(rows, path):
    names = list(rows)
    lines = [
        {
            n: v.isoformat() if isinstance(v, datetime) else v
            for n, v in zip(names, row, strict=True)
        }
        for row in zip(*rows.values(), strict=True)
    ]
    # What is null may be left out.
    kept = [{n: v for n, v in line.items() if v is not None or n == "code"} for line in lines]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))


def write_excel(rows, path):
    body = [list(rows), *map(list, zip(*rows.values(), strict=True))]
    write_xlsx(path, About=[["Nothing"]], Data=[[None], *body, [None], []])


WRITE = {
    "parquet": lambda rows, path: pq.write_table(pa.table(rows), path),
    "csv": lambda rows, path: arrow_csv.write_csv(pa.table(rows), path),
    "json": write_json,
    "excel": write_excel,
    "orc": lambda rows, path: orc.write_table(pa.table(rows), path),
    "feather": lambda rows, path: feather.write_feather(pa.table(rows), str(path)),
}


def visits(kind, columns=COLUMNS, **settings):
    sheet = {"sheet": "Data"} if kind == "excel" else {}
    return Table(
        name=NAME,
        columns=columns,
        row_id=columns[0].name,
        event_time="seen",
        source=Source(path=f"{{day}}.{kind}", format=kind, **{**sheet, **settings}),
    )


def read(path, table):
    state = Read(SourceFile(path.name, str(path)), table, SourceFile("", str(path)).digest())
    blocks = [block for block in read_blocks(state) if block.num_rows]
    return pa.concat_tables(blocks).to_pydict() if blocks else {}, state


def old(path):
    os.utime(path, (time.time() - 3600,) * 2)
    return path


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr("pipelines.stages.ingest.damage.SECOND_CHECK_S", 0.001)


def test_every_declared_format_has_a_reader():
    assert tuple(FORMATS) == SOURCE_FORMATS == tuple(WRITE)


@pytest.mark.parametrize("kind", SOURCE_FORMATS)
def test_a_table_of_every_format_is_taken_in_and_validated(tmp_path, kind):
    WRITE[kind](ROWS, tmp_path / f"{DAY}.{kind}")
    fraud = load("fraud_detection")
    handle = PipelineHandle(replace(fraud, tables=(fraud.table, visits(kind))))
    given = {"partition": DAY, "table": NAME, "in_process": True}
    store = str(tmp_path / "store")
    result = run_stage("ingest", handle, store, source=str(tmp_path), **given)
    assert (result["rows"], result["quarantined"]) == (4, {})
    assert run_stage("validate", handle, store, **given)["rows"] == 4
    (part,) = (tmp_path / "store").rglob("ingested/**/part-0.parquet")
    rows = pq.read_table(part).to_pydict()
    assert {name: rows[name] for name in WANTED} == WANTED


@pytest.mark.parametrize("kind", SOURCE_FORMATS)
@pytest.mark.parametrize("share", [0, 0.4, 0.7, 0.99])
def test_a_file_of_every_format_that_is_cut_short_is_waited_for_then_refused(
    tmp_path, kind, share
):
    path = tmp_path / f"a.{kind}"
    WRITE[kind](ROWS, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SourceNotReadyError, match="still being written"):
        read(path, visits(kind))
    with pytest.raises(SourceUnreadableError, match=r"Source file a\.\w+.*Expected.*[Ww]rit"):
        read(old(path), visits(kind))


FOREIGN = [
    (found, kind) for found in SOURCE_FORMATS for kind in SOURCE_FORMATS if found != kind
]


@pytest.mark.parametrize(("found", "declared"), FOREIGN)
def test_a_file_of_another_format_is_refused_with_what_to_declare(tmp_path, found, declared):
    path = tmp_path / "a"
    WRITE[found](ROWS, path)
    if (found, declared) == ("csv", "json"):
        # Lines that are not objects are rejected one by one, and counted by the stage.
        assert len(read(old(path), visits(declared))[1].rejected) == 5
        return
    with pytest.raises(
        (SourceUnreadableError, SchemaError), match=r"Source file a\b.*[Ee]xpected"
    ):
        read(old(path), visits(declared))


@pytest.mark.parametrize("kind", ["parquet", "orc", "feather", "excel"])
@given(where=st.floats(0, 0.999), bit=st.integers(0, 7))
@example(where=0.9453125, bit=7)
def test_a_flipped_bit_gives_rows_or_our_own_error(tmp_path_factory, kind, where, bit):
    path = tmp_path_factory.getbasetemp() / f"flipped.{kind}"
    WRITE[kind]({name: values * 50 for name, values in ROWS.items()}, path)
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 1 << bit
    path.write_bytes(content)
    try:
        read(old(path), visits(kind))
    except (SourceUnreadableError, SchemaError) as error:
        assert str(error).startswith("Source file flipped")  # noqa: PT017


@pytest.mark.parametrize("kind", ["parquet", "orc", "feather"])
def test_blocks_are_bounded_and_rows_keep_their_numbers(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("pipelines.stages.ingest.formats.typed.BLOCK_ROWS", 3)
    monkeypatch.setattr("pipelines.stages.ingest.formats.parquet.BLOCK_ROWS", 3)
    path = tmp_path / f"a.{kind}"
    wrong = {**ROWS, "READMITTED": ["no", "no", "no", "maybe"]}
    WRITE[kind](ROWS, path)
    blocks = list(read_blocks(read(path, visits(kind))[1]))
    assert [block.num_rows for block in blocks] == [3, 1]
    WRITE[kind](wrong, path)
    with pytest.raises(SchemaError, match=r"holds 'maybe' in row 3 \(the first is 0\)"):
        read(path, visits(kind))


# JSON lines


def json_lines(tmp_path, text, *columns, **settings):
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    seen = Column("seen", "timestamp", nullable=True)
    return read(old(path), visits("json", (*columns, seen), **settings))


SEEN = '"seen": "2018-04-01"'
NUMBER, INTEGER, TEXT = Column("x", "number"), Column("x", "integer"), Column("x", "text")
FLAG, WORDS = Column("x", "flag"), Column("x", "integer", words={"1": 5, "true": 6})


@pytest.mark.parametrize(
    ("value", "column", "wanted"),
    [
        ("1.10", NUMBER, 1.1),
        ("9007199254740993", INTEGER, 2**53 + 1),
        ('"12"', INTEGER, 12),
        ("12.0", INTEGER, 12),
        ("1e3", INTEGER, 1000),
        ("NaN", INTEGER, None),
        ("null", TEXT, None),
        ('""', TEXT, ""),
        ('""', NUMBER, None),
        ("250", TEXT, "250"),
        ('"\\u00e9\\n"', TEXT, "é\n"),
        ("true", FLAG, 1),
        ("0", FLAG, 0),
        ("1", WORDS, 5),
        ("true", WORDS, 6),
    ],
)
def test_a_json_value_becomes_what_is_declared(tmp_path, value, column, wanted):
    if value == "NaN":
        with pytest.raises(SchemaError, match="holds 'NaN' in line 1"):
            json_lines(tmp_path, f'{{"x": {value}, {SEEN}}}\n', column)
        return
    rows, _ = json_lines(tmp_path, f'{{"x": {value}, {SEEN}}}\n', column)
    assert rows["x"] == [wanted]


@pytest.mark.parametrize(
    ("value", "column", "message"),
    [
        (
            '{"y": 1}',
            TEXT,
            r"column 'x' holds \{'y': '1'\} in line 3, a nested value. Expected a single",
        ),
        ("[1, 2]", NUMBER, "in line 3, a nested value"),
        ("[]", INTEGER, "in line 3, a nested value"),
        ("1.5", TEXT, "holds '1.5' in line 3, a number. Expected a single value of type text"),
        ("true", TEXT, "holds True in line 3, a bool"),
        ("true", NUMBER, "holds 'true' in line 3, which is not of type number"),
        ('"a"', INTEGER, "holds 'a' in line 3, which is not of type integer"),
        ("1.5", INTEGER, "holds '1.5' in line 3"),
        ("12345678901234567.0", INTEGER, "lost digits"),
        ('"\\ud800"', TEXT, "in line 3, a text with half of a character"),
        ("1e400", NUMBER, "too large for a float"),
    ],
)
def test_a_json_value_that_is_not_of_its_type_is_named_by_its_line(
    tmp_path, value, column, message
):
    text = f'{{{SEEN}}}\n\n{{"x": {value}, {SEEN}}}\n{{{SEEN}}}\n'
    with pytest.raises(SchemaError, match=message):
        json_lines(tmp_path, text, column)


BROKEN = ["{", "x", "[1]", "5", '"x"', "null", "{}{}", "{'x': 1}", '{"x": 1,}', "[" * 100_000]


def test_a_line_that_is_not_an_object_is_rejected_with_its_number_and_text(tmp_path):
    lines = [f'{{"x": {n}, {SEEN}}}' for n in range(5)]
    text = (
        "\r\n".join([lines[0], *BROKEN, "", *lines[1:], '{"x": 1, "x": 2}', lines[0]]) + "\r\n"
    )
    rows, state = json_lines(tmp_path, "\ufeff" + text, INTEGER)
    assert rows["x"] == [0, 1, 2, 3, 4, 0]
    assert [(r.line, r.text) for r in state.rejected[:-1]] == list(enumerate(BROKEN, 2))
    assert {r.rule for r in state.rejected} == {"source.lines"}
    assert state.rejected[-1].why == "a JSON object with a key twice"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty. Expected one JSON object a line"),
        ("\n \n", "is empty"),
        (f' [{{"x": 1, {SEEN}}}]', r"is a JSON array. Expected one JSON object a line.*jq -c"),
        (f'{{"x": 1, {SEEN}}}\n{{"x": 2, "se', "last line, line 2, has no line break"),
        (b'{"x": "\xe9"}\n', "line 1 is not UTF-8 text"),
        (
            "\n".join(
                json.dumps(dict.fromkeys(range(n, n + 99))) for n in range(0, 10_002, 99)
            ),
            "more than 10,000 different keys",
        ),
    ],
)
def test_a_file_that_is_not_of_json_lines_is_refused(tmp_path, text, message):
    with pytest.raises(SourceUnreadableError, match=message):
        json_lines(tmp_path, text, INTEGER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{{"X": 1, {SEEN}}}\n{{"x": 1, {SEEN}}}\n', r"'x' occurs 2 times \(X, x\)"),
        (f'{{"y": 1, {SEEN}}}\n', "no column x.*the file has y, seen"),
        ('{"X": 1, "time_seen": "2018-04-01"}\n', "no column seen.*Did you mean 'time_seen'"),
    ],
)
def test_keys_that_are_missing_or_ambiguous_are_named(tmp_path, text, message):
    with pytest.raises(SchemaError, match=message):
        json_lines(tmp_path, text, INTEGER)


def test_json_lines_are_the_same_in_blocks_of_any_size_and_compressed(tmp_path, monkeypatch):
    text = "".join(
        f'{{"x": {n}, {SEEN}, "more{n % 7}": [{{}}]}}\n' for n in range(100)
    ).rstrip()
    whole, state = json_lines(tmp_path, text, INTEGER)
    monkeypatch.setattr("pipelines.stages.ingest.formats.json_lines.CHUNK_BYTES", 7)
    monkeypatch.setattr("pipelines.stages.ingest.formats.json_lines.BLOCK_ROWS", 3)
    assert json_lines(tmp_path, gzip.compress(text.encode()), INTEGER)[0] == whole
    assert whole["x"] == list(range(100))
    assert sorted(state.extra) == [f"more{n}" for n in range(7)]


# Spreadsheets


def sheet(tmp_path, values, *columns, sheet="", **sheets):
    path = tmp_path / "a.xlsx"
    seen = Column("seen", "timestamp", nullable=True)
    rows = [["x", "seen"], *([value, at("2018-04-01")] for value in values)]
    write_xlsx(path, **(sheets or {"First": rows}))
    return read(old(path), visits("excel", (*columns, seen), sheet=sheet))[0]


@pytest.mark.parametrize(
    ("values", "column", "wanted"),
    [
        ([1, 2.0, None], INTEGER, [1, 2, None]),
        (["12", 5], INTEGER, [12, 5]),
        ([0.1, "1.5"], NUMBER, [0.1, 1.5]),
        (["V57", 250, "007", ""], TEXT, ["V57", "250", "007", None]),
        ([True, 0], FLAG, [1, 0]),
        ([1, True], WORDS, [5, 6]),
        (
            [at("2018-04-01T08:30"), None],
            Column("x", "timestamp"),
            [at("2018-04-01T08:30"), None],
        ),
        (
            [at("2018-04-01"), "2018-04-02"],
            Column("x", "timestamp"),
            [at("2018-04-01"), at("2018-04-02")],
        ),
        ([1522540800], Column("x", "timestamp", time_format="epoch_s"), [at("2018-04-01")]),
        (["1.4.2018"], Column("x", "timestamp", time_format="%d.%m.%Y"), [at("2018-04-01")]),
    ],
)
def test_a_cell_becomes_what_is_declared(tmp_path, values, column, wanted):
    assert sheet(tmp_path, values, column)["x"] == wanted


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        (
            [1, 2**53],
            INTEGER,
            "holds '9007199254740992.0' in row 3 of the sheet, .*lost digits",
        ),
        (
            ["a", 250.1],
            TEXT,
            "holds '250.1' in row 3 of the sheet, a number. Expected a single",
        ),
        (
            [at("2018-04-01")],
            TEXT,
            "holds 2018-04-01 in row 2 of the sheet, a date",
        ),
        (
            [43191],
            Column("x", "timestamp"),
            "holds '43191' in row 2 of the sheet, which is not of type",
        ),
        ([1.5], INTEGER, "holds '1.5' in row 2"),
        (["n/a"], NUMBER, "holds 'n/a' in row 2"),
    ],
)
def test_a_cell_that_is_not_of_its_type_is_named_by_its_row(tmp_path, values, column, message):
    with pytest.raises(SchemaError, match=message):
        sheet(tmp_path, values, column)


def test_a_sheet_is_found_by_its_name_or_the_first_is_read(tmp_path):
    one, two = ([["x", "seen"], [n, at("2018-04-01")]] for n in (1, 2))
    assert sheet(tmp_path, (), INTEGER, One=one, Two=two)["x"] == [1]
    assert sheet(tmp_path, (), INTEGER, sheet="Two", One=one, Two=two)["x"] == [2]
    with pytest.raises(
        SchemaError, match=r"no sheet 'two'; the file has One, Two. Did you mean 'Two'"
    ):
        sheet(tmp_path, (), INTEGER, sheet="two", One=one, Two=two)
    with pytest.raises(SourceUnreadableError, match="the sheet is empty"):
        sheet(tmp_path, (), INTEGER, One=[[]])


def test_a_missing_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ConfigError, match=r"not installed. Install it with: pip install"):
        sheet(tmp_path, [1], INTEGER)
