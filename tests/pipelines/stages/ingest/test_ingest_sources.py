"""Every way a source can be wrong, and the error that reports it."""

import gzip
import os
import time
from dataclasses import replace

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import (
    ConfigError,
    SchemaError,
    SourceNotReadyError,
    SourceUnreadableError,
)
from pipelines.spec import Column, Source, load
from pipelines.stages.ingest.sources.locate import SourceFile, pattern_of
from pipelines.stages.ingest.stage import plan
from tests.pipelines.shared.tables.made import (
    DAY,
    csv_pipeline,
    done,
    transactions,
    with_column,
    work_on,
    write_source,
)

HEADER = "transaction_id,tx_datetime,customer_id,terminal_id,tx_amount,tx_fraud\n"
LINE = "{},2018-04-01 00:00:0{},5,7,12.34,0\n"


@pytest.fixture
def source(tmp_path):
    return tmp_path / "source"


@pytest.fixture
def ingest(tmp_path, source):
    return lambda pipeline=None: done("ingest", tmp_path / "store", source, pipeline)


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch):
    monkeypatch.setattr("pipelines.stages.ingest.damage.SECOND_CHECK_S", 0.001)


def csv_source(source, text, name="part-0.csv"):
    path = source / f"ds={DAY}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return age(path)


def age(path, seconds=3600):
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def cut(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    return path


def test_a_day_without_files_is_waited_for_and_the_path_is_reported(ingest, source):
    source.mkdir()
    with pytest.raises(SourceNotReadyError, match=rf"{source}/ds={DAY}/\*\.parquet.*--source"):
        ingest()


def test_a_source_root_that_is_no_folder_is_said_so(ingest):
    with pytest.raises(SourceNotReadyError, match="the source root is not a folder"):
        ingest()


def test_no_source_at_all_is_a_mistake_of_the_call(tmp_path):
    with pytest.raises(ConfigError, match="Pass --source"):
        done("ingest", tmp_path, None)


@pytest.mark.parametrize("kept", [0, 3, 4, 700])
def test_an_old_truncated_file_is_unreadable_and_its_size_is_reported(ingest, source, kept):
    age(cut(write_source(source, transactions()), kept))
    with pytest.raises(
        SourceUnreadableError, match=rf"part-0.parquet \({kept} bytes\) is trunc"
    ):
        ingest()


@pytest.mark.parametrize("kept", [0, 700])
def test_a_truncated_file_written_a_moment_ago_is_waited_for(ingest, source, kept):
    cut(write_source(source, transactions()), kept)
    with pytest.raises(
        SourceNotReadyError, match=r"still being written: the last write was . s ago"
    ):
        ingest()


def test_an_old_truncated_file_that_grows_while_it_is_looked_at_again_is_waited_for(
    ingest, source, monkeypatch
):
    path = age(cut(write_source(source, transactions()), 700))

    def meanwhile(seconds):
        assert seconds == pytest.approx(0.001)
        with path.open("ab") as file:
            file.write(b"more")
        age(path)

    monkeypatch.setattr("pipelines.stages.ingest.damage.time.sleep", meanwhile)
    with pytest.raises(SourceNotReadyError, match="it changed while it was read"):
        ingest()


def test_a_file_that_goes_after_it_was_planned_is_waited_for(ingest, source, monkeypatch):
    write_source(source, transactions(5), "part-1.parquet")
    path = write_source(source, transactions(50))
    reading = SourceFile.local

    def gone(file):
        if file.path == str(path):
            path.unlink(missing_ok=True)
        return reading(file)

    monkeypatch.setattr(SourceFile, "local", gone)
    with pytest.raises(SourceNotReadyError, match=r"part-0.parquet is still being written"):
        ingest()


def test_a_file_that_was_never_parquet_is_not_waited_for(ingest, source):
    write_source(source, transactions()).write_text("a,b\n1,2\n")
    with pytest.raises(SourceUnreadableError, match="not Parquet"):
        ingest()


def test_a_file_that_grew_since_it_was_planned_is_waited_for(tmp_path, source, monkeypatch):
    path = write_source(source, transactions(50))
    rows = iter(range(60, 1000))

    def plan_then_grow(work, _plan=plan):
        planned = _plan(work)
        pq.write_table(transactions(next(rows)), path)
        return planned

    monkeypatch.setattr("pipelines.stages.ingest.stage.plan", plan_then_grow)
    with pytest.raises(SourceNotReadyError, match="it changed while it was read"):
        done("ingest", tmp_path / "store", source)


def test_corrupt_pages_behind_a_fine_footer_are_unreadable(ingest, source):
    path = write_source(source, transactions(5000))
    content = bytearray(path.read_bytes())
    content[100:400] = bytes(300)
    path.write_bytes(content)
    with pytest.raises(
        SourceUnreadableError, match="its footer is valid and its pages are not"
    ):
        ingest()


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.8])
def test_one_flipped_bit_in_a_page_with_a_checksum_is_found(ingest, source, share):
    path = source / f"ds={DAY}" / "part-0.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(transactions(5000), path, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceUnreadableError, match=r"part-0.parquet is corrupt: its footer"):
        ingest()


def test_a_missing_column_is_named_with_what_is_there(ingest, source):
    table = transactions().rename_columns(
        [
            "TRANSACTION_ID",
            "TX_DATETIME",
            "CUSTOMER_ID",
            "TERMINAL_ID",
            "TX_AMOUNTS",
            "TX_FRAUD",
        ]
    )
    write_source(source, table)
    message = r"no column tx_amount.*Did you mean 'TX_AMOUNTS'\?"
    with pytest.raises(SchemaError, match=message):
        ingest()


def test_two_columns_of_one_name_in_other_letters_are_ambiguous(ingest, source):
    table = transactions()
    write_source(source, table.append_column("tx_amount", table["TX_AMOUNT"]))
    with pytest.raises(
        SchemaError, match=r"'tx_amount' occurs 2 times \(TX_AMOUNT, tx_amount\)"
    ):
        ingest()


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("TX_AMOUNT", ["1.5"] * 200, "is string .such as '1.5'. where number is declared"),
        ("TX_AMOUNT", [True] * 200, "is bool .such as True. where number is declared"),
        ("CUSTOMER_ID", [False] * 200, "is bool where integer is declared"),
        (
            "CUSTOMER_ID",
            [1.0] * 199 + [1.5],
            "holds ••• .3 char.*in row 199 .*not of type integer",
        ),
        ("TX_AMOUNT", pa.array([2**53 + 1] * 200), "holds 9007199254740993 in row 0"),
        ("CUSTOMER_ID", pa.array([1] * 9 + [2**63] + [1] * 190, pa.uint64()), "in row 9 "),
        ("TX_DATETIME", [DAY] * 200, "is string .* where timestamp is declared"),
        ("TX_AMOUNT", [[1.0]] * 200, "is list<.* where number is declared"),
    ],
)
def test_a_wrong_type_is_refused_with_a_value(ingest, source, column, values, message):
    array = values if isinstance(values, pa.Array) else pa.array(values)
    write_source(source, with_column(transactions(), column, array))
    with pytest.raises(SchemaError, match=message):
        ingest()


def test_text_that_is_no_utf8_is_named_by_file_and_row(tmp_path, source):
    offsets = np.arange(201, dtype=np.int32) * 2
    words = bytearray(b"ab" * 200)
    words[2 * 150] = 0xFF
    notes = pa.Array.from_buffers(
        pa.string(), 200, [None, pa.py_buffer(offsets), pa.py_buffer(bytes(words))]
    )
    write_source(source, transactions().append_column("note", notes))
    with pytest.raises(
        SourceUnreadableError, match=r"part-0.parquet: column note .*in row 150"
    ):
        done("ingest", tmp_path / "store", source, with_note())


def with_note(pipeline=None):
    pipeline = pipeline or load("fraud_detection")
    columns = (*pipeline.table.columns, Column("note", "text", nullable=True))
    return replace(pipeline, tables=(replace(pipeline.table, columns=columns),))


def test_undeclared_columns_are_ignored_even_if_they_are_no_utf8(ingest, source):
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    )
    write_source(source, transactions(1).append_column("note", bad))
    assert ingest()["rows"] == 1


def test_a_last_line_cut_short_a_moment_ago_is_waited_for(ingest, source):
    path = csv_source(source, HEADER + LINE.format(0, 0) + "1,2018-04-01 00")
    path.touch()
    with pytest.raises(SourceNotReadyError, match="still being written"):
        ingest(csv_pipeline())
    age(path)
    with pytest.raises(SourceUnreadableError, match=r"last line, line 3, has 2 of 6 fields"):
        ingest(csv_pipeline())


def test_a_quotation_mark_that_is_never_closed_does_not_swallow_the_rest(ingest, source):
    csv_source(
        source, HEADER + LINE.format(0, 0) + '"1,2018-04-01,5,7,1,0\n' + LINE.format(2, 2)
    )
    with pytest.raises(SourceUnreadableError, match="not closed, by line 3"):
        ingest(csv_pipeline())


def test_csv_that_is_no_utf8_is_named_by_file_and_line(tmp_path, source):
    body = HEADER.replace("\n", ",note\n") + "".join(
        LINE.format(n, n).replace("\n", ",caf\u00e9\n") for n in range(3)
    )
    csv_source(source, body.encode("latin-1"))
    with pytest.raises(SourceUnreadableError, match=r"part-0.csv: line 2 \(row 0.*not UTF-8"):
        done("ingest", tmp_path / "store", source, with_note(csv_pipeline()))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("abc", "'tx_amount' holds 'abc' in line 4, which is not of type number"),
        ("1,5", "line 4 .7. have another number of fields"),
    ],
)
def test_a_csv_value_of_another_type_is_named_by_line(ingest, source, value, message):
    lines = [LINE.format(n, n) for n in range(5)]
    lines[2] = lines[2].replace("12.34", value)
    csv_source(source, HEADER + "".join(lines))
    with pytest.raises((SchemaError, SourceUnreadableError), match=message):
        ingest(csv_pipeline())


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_csv_is_unreadable(ingest, source, text):
    csv_source(source, text)
    with pytest.raises(SourceUnreadableError, match="is empty"):
        ingest(csv_pipeline())


def test_a_truncated_gzip_is_unreadable_once_it_is_old(ingest, source):
    packed = gzip.compress((HEADER + LINE.format(1, 1) * 100).encode())
    path = csv_source(source, packed[: len(packed) // 2], "part-0.csv.gz")
    path.touch()
    with pytest.raises(SourceNotReadyError, match="still being written"):
        ingest(csv_pipeline())
    age(path)
    with pytest.raises(SourceUnreadableError, match="cannot be decompressed"):
        ingest(csv_pipeline())


def test_a_gzip_whose_checksum_is_wrong_is_not_waited_for(ingest, source):
    packed = bytearray(gzip.compress((HEADER + LINE.format(1, 1) * 100).encode()))
    packed[-6] ^= 0xFF
    csv_source(source, bytes(packed), "part-0.csv.gz").touch()
    with pytest.raises(SourceUnreadableError, match="cannot be decompressed"):
        ingest(csv_pipeline())


def test_a_template_with_an_unknown_field_is_refused(tmp_path):
    table = replace(load("fraud_detection").table, source=Source(path="{date}/*.parquet"))
    with pytest.raises(ConfigError, match=r"field \{date\} is not known. Known: day,"):
        pattern_of(table, DAY)


def test_a_template_may_spell_the_day_in_parts():
    path = "y={year}/m={month}/{dayofmonth}.csv.gz"
    table = replace(load("fraud_detection").table, source=Source(path=path, format="csv"))
    assert pattern_of(table, "2026-03-09") == "y=2026/m=03/09.csv.gz"


def test_a_source_behind_a_uri_gives_what_the_folder_gives(tmp_path, source):
    write_source(source, transactions())
    memory = fsspec.filesystem("memory")
    memory.put(str(source), "/delivered", recursive=True)
    here = done("ingest", tmp_path / "here", source)
    there = done("ingest", tmp_path / "there", "memory://delivered")
    assert (here["digest"], here["content"]) == (there["digest"], there["content"])


def test_a_uri_that_nothing_opens_is_a_mistake_of_the_call(tmp_path):
    with pytest.raises(ConfigError, match="nosuch://x' cannot be opened"):
        done("ingest", tmp_path, "nosuch://x")


def test_inputs_are_the_files_below_the_root_by_their_content(tmp_path, source):
    write_source(source, transactions(3), "b.parquet")
    write_source(source, transactions(3), "a.parquet")
    (source / f"ds={DAY}" / "_part.parquet").write_text("left by a writer")
    inputs = plan(work_on("ingest", tmp_path, source)).inputs
    assert list(inputs) == [f"ds={DAY}/a.parquet", f"ds={DAY}/b.parquet"]
    assert len(set(inputs.values())) == 1
