"""Malformed CSV lines are rejected; other delimiters and null texts are declared."""

import gzip
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import DeclarationError, SourceUnreadableError
from pipelines.core.store import Store
from pipelines.protocol import perform, stage_named
from pipelines.spec import Source, require_valid
from tests.pipelines.shared.tables.made import DAY, csv_pipeline, done, published, work_on

HEADER = "transaction_id,tx_datetime,customer_id,terminal_id,tx_amount,tx_fraud\n"
BAD = {40: "40,2018-04-01 00:00:00,5\n", 90: "90,2018-04-01 00:00:00,5,7,1,0,what,else\n"}


def lines(rows, bad=BAD):
    each = [f"{n},2018-04-01 00:00:00,5,7,{n}.5,0\n" for n in range(rows)]
    for index, text in bad.items():
        each[index] = text
    return HEADER + "".join(each)


def deliver(root, text, name="a.csv"):
    path = root / f"ds={DAY}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def with_source(**given):
    pipeline = csv_pipeline()
    source = replace(pipeline.table.source, **given)
    return replace(pipeline, tables=(replace(pipeline.table, source=source),))


def ingested(store):
    return pq.read_table(published(store, "ingested") / "part-0.parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_lines_of_another_length_are_kept_apart_with_number_and_text(tmp_path, name):
    deliver(tmp_path, lines(300), name)
    result = done("ingest", tmp_path / "store", tmp_path, csv_pipeline())
    rejected = pq.read_table(
        published(tmp_path / "store", "ingested") / "rejected-lines.parquet"
    )
    assert rejected.to_pylist() == [
        {"file": f"ds={DAY}/{name}", "line": index + 2, "fields": fields, "expected": 6}
        | {"text": BAD[index].rstrip("\n")}
        for index, fields in ((40, 3), (90, 8))
    ]
    assert ingested(tmp_path / "store")["transaction_id"].to_pylist() == [
        n for n in range(300) if n not in BAD
    ]
    assert (result["rows"], result["quarantined"]) == (298, {"source.fields": 2})
    assert "2 lines of" in result["reason"]


def test_line_numbers_count_line_breaks_in_values_blank_lines_and_rejected_lines(tmp_path):
    odd = {3: '3,2018-04-01,5,7,"1\n\n",0\n', 5: "\n\n5,x\n", 8: "8,2018-04-01,5,7,bad,0\n"}
    deliver(tmp_path, lines(300, odd))
    text = (tmp_path / f"ds={DAY}" / "a.csv").read_text().split("\n")
    with pytest.raises(Exception, match=rf"'bad' in line {text.index(odd[8].strip()) + 1},"):
        done("ingest", tmp_path / "store", tmp_path, csv_pipeline())
    deliver(tmp_path, lines(300, {k: odd[k] for k in (3, 5)}))
    done("ingest", tmp_path / "store", tmp_path, csv_pipeline())
    rejected = pq.read_table(
        published(tmp_path / "store", "ingested") / "rejected-lines.parquet"
    )
    assert rejected["line"].to_pylist() == [text.index("5,x") + 1]


def test_more_rejected_lines_than_the_budget_refuse_the_day_and_are_still_kept(tmp_path):
    deliver(tmp_path, lines(199))
    message = r"line 42 \(3\), line 92 \(8\) .*Expected 6.*2 of the 199 lines.*= 1.00%"
    with pytest.raises(SourceUnreadableError, match=message):
        done("ingest", tmp_path / "store", tmp_path, csv_pipeline())
    kept = published(tmp_path / "store", "ingested")
    assert sorted(p.name for p in kept.iterdir()) == [
        "manifest.json",
        "refusal.json",
        "rejected-lines.parquet",
    ]
    deliver(tmp_path, lines(200))
    assert done("ingest", tmp_path / "store", tmp_path, csv_pipeline())["rows"] == 198


def test_a_budget_of_nothing_refuses_the_first_rejected_line(tmp_path):
    deliver(tmp_path, lines(300))
    with pytest.raises(SourceUnreadableError, match=r"max_rejected_share = 0.00%"):
        done("ingest", tmp_path / "store", tmp_path, with_source(max_rejected_share=0.0))


def test_a_rejected_line_that_is_no_utf8_refuses_the_file_by_that_line(tmp_path):
    path = tmp_path / f"ds={DAY}" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(lines(300, {40: "caf\u00e9,1\n"}).encode("latin-1"))
    with pytest.raises(SourceUnreadableError, match=r"line 42 .row 40.*not UTF-8"):
        done("ingest", tmp_path / "store", tmp_path, csv_pipeline())


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_declared_delimiter_and_null_texts_are_taken(tmp_path, delimiter):
    text = lines(4, {1: '1,NA,5,-,"NA",0\n'}).replace(",", delimiter)
    deliver(tmp_path, text)
    pipeline = with_source(delimiter=delimiter, nulls=("", "NA", "-"))
    # A quoted null text is a text, not a null.
    with pytest.raises(Exception, match=r"'tx_amount' holds 'NA' in line 3"):
        done("ingest", tmp_path / "store", tmp_path, pipeline)
    deliver(tmp_path, text.replace('"NA"', "NA"))
    done("ingest", tmp_path / "store", tmp_path, pipeline)
    row = ingested(tmp_path / "store").to_pylist()[1]
    assert [row[name] for name in ("tx_datetime", "terminal_id", "tx_amount")] == [None] * 3
    assert (row["customer_id"], row["tx_fraud"]) == (5, 0)


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"delimiter": ""}, "delimiter '' must be one character"),
        ({"delimiter": ";;"}, "delimiter ';;' must be one character"),
        ({"delimiter": '"'}, "must be one character other than a letter"),
        ({"nulls": "NA"}, "nulls must be a tuple, such as"),
        ({"max_rejected_share": 2.0}, r"max_rejected_share must be in \[0, 1\]; got 2.0"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_when_it_is_declared(given, reported):
    with pytest.raises(DeclarationError, match=reported):
        require_valid(with_source(**given))


def test_undeclared_columns_are_left_out_and_logged_once(tmp_path):
    deliver(tmp_path, HEADER.replace("\n", ",note,more\n") + "1,2018-04-01,5,7,1,0,x,y\n")
    reported = []
    work = work_on("ingest", tmp_path / "store", tmp_path, csv_pipeline())
    work.report.sink = reported.append
    perform(stage_named("ingest"), work)
    messages = [event["message"] for event in reported if event["event"] == "log"]
    assert len(messages) == 1
    assert "2 columns of the source are not declared and ignored: note, more" in messages[0]


def test_the_declared_source_is_part_of_what_the_result_depends_on(tmp_path):
    deliver(tmp_path, lines(3, {}))
    store = tmp_path / "store"
    first = done("ingest", store, tmp_path, csv_pipeline())
    again = done("ingest", store, tmp_path, with_source(nulls=("", "NA")))
    assert first["digest"] != again["digest"]
    assert first["content"] == again["content"]
    assert Store(str(store)).keys("fraud_detection", "ingested") == [f"ds={DAY}"]
    assert Source().delimiter == ","
