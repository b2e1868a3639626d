"""Quotation marks that are wrong lose no line in silence; what CSV is written with is declared or seen."""

import csv
import gzip
import io
import os
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import DeclarationError, SchemaError, SourceUnreadableError
from pipelines.spec import Column, require_valid
from tests.pipelines.shared.tables.made import DAY, csv_pipeline, done, published

HEADER = "transaction_id,tx_datetime,customer_id,terminal_id,tx_amount,tx_fraud,note\n"
ROW = "{},2018-04-01 00:00:01,5,7,{}.5,0,note {}\n"


def pipeline(**given):
    made = csv_pipeline()
    source = replace(made.table.source, **{"path": "ds={day}/*.csv", **given})
    columns = (*made.table.columns, Column("note", "text", nullable=True))
    return replace(made, tables=(replace(made.table, columns=columns, source=source),))


def without_note(**given):
    made = pipeline(**given)
    return replace(made, tables=(replace(made.table, columns=made.table.columns[:-1]),))


def rows(count, changed=()):
    made = [ROW.format(n, n, n) for n in range(count)]
    for index, text in dict(changed).items():
        made[index] = text
    return HEADER + "".join(made)


def ingest(folder, text, declared, name="a.csv"):
    path = folder / f"ds={DAY}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (1, 1))
    result = done("ingest", folder / "store", folder, declared)
    table = pq.read_table(published(folder / "store", "ingested") / "part-0.parquet")
    return result, table.to_pylist()


def kept_apart(folder):
    path = published(folder / "store", "ingested") / "rejected-lines.parquet"
    return pq.read_table(path).to_pylist()


OPENS = '{},2018-04-01 00:00:01,5,7,1.5,0,"note\n'
CLOSES = {
    "inside of a value": '{},2018-04-01 00:00:01,5,7,1.5,0,no"te\n',
    "at the end of a value": '{},2018-04-01 00:00:01,5,7,1.5,0,note"\n',
}


@pytest.mark.parametrize("declared", [pipeline, without_note])
@pytest.mark.parametrize("how", CLOSES)
@pytest.mark.parametrize("last", [11, 17])
def test_lines_that_two_stray_quotation_marks_swallow_are_counted_and_kept(
    tmp_path, declared, how, last
):
    text = rows(300, {10: OPENS.format(10), last: CLOSES[how].format(last)})
    lost = last - 10 + 1
    with pytest.raises(SourceUnreadableError, match=rf"lines 12 to {last + 2}: .*max_rejected"):
        ingest(tmp_path, text, declared(max_rejected_share=(lost - 0.5) / 300))
    assert "".join(line["text"] for line in kept_apart(tmp_path)).count("\n") == lost - 1
    result, found = ingest(tmp_path, text, declared(max_rejected_share=lost / 300))
    assert result["quarantined"] == {"source.quotes": lost}
    assert rf"lines 12 to {last + 2}: " in result["reason"]
    assert [row["transaction_id"] for row in found] == [*range(10), *range(last + 1, 300)]


@pytest.mark.parametrize("newlines", [None, True])
def test_values_that_do_hold_line_breaks_are_taken(tmp_path, newlines):
    text = rows(50, {3: ROW.format(3, 3, "x").replace("note x", '"one, two\nthree\r\n\nfour"')})
    result, found = ingest(tmp_path, text, pipeline(newlines_in_values=newlines))
    assert (found[3]["note"], result["quarantined"]) == ("one, two\nthree\r\n\nfour", {})


def test_a_line_of_a_value_with_as_many_fields_as_a_row_is_counted_unless_it_is_declared(
    tmp_path,
):
    value = '"one\na,b,c,d,e,f,g\ntwo"'
    text = rows(600, {3: ROW.format(3, 3, "x").replace("note x", value)})
    result, found = ingest(tmp_path, text, pipeline())
    assert result["quarantined"] == {"source.quotes": 3}
    assert "declare source.newlines_in_values = True" in result["reason"]
    assert len(found) == 599
    result, found = ingest(tmp_path, text, pipeline(newlines_in_values=True))
    assert (result["quarantined"], found[3]["note"]) == ({}, value.strip('"'))


def test_line_breaks_in_values_are_kept_apart_where_they_are_declared_away(tmp_path):
    text = rows(300, {3: ROW.format(3, 3, "x").replace("note x", '"a\nb"')})
    result, found = ingest(tmp_path, text, pipeline(newlines_in_values=False))
    assert (result["quarantined"], len(found)) == ({"source.quotes": 2}, 299)
    assert [(r["line"], r["text"].count("\n")) for r in kept_apart(tmp_path)] == [(5, 1)]


def test_lines_swallowed_by_a_row_of_another_length_count_each(tmp_path):
    opens, closes = '10,2018-04-01 00:00:01,5,"7,1,0,x\n', '14,"2018-04-01 00:00:01,5,7,1,0,x\n'
    text = rows(300, {10: opens, 14: closes})
    result, found = ingest(tmp_path, text, pipeline(max_rejected_share=0.02))
    assert (sum(result["quarantined"].values()), len(found)) == (5, 295)


SMALL = 24


@given(
    strays=st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from(['"', '\\"', '""'])), max_size=4
    ),
    quoted=st.sets(st.integers(0, SMALL - 1), max_size=3),
    escape=st.sampled_from([None, "\\"]),
)
@example(strays=[(30, '"'), (400, '"')], quoted=set(), escape=None)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_stray_quotation_marks_anywhere_never_lose_a_line_in_silence(
    tmp_path_factory, strays, quoted, escape
):
    folder = tmp_path_factory.mktemp("strays")
    lines = [ROW.format(n, n, n) for n in range(SMALL)]
    for n in quoted:
        lines[n] = lines[n].replace("note", '"a, ""b""\nc').replace(f"c {n}\n", f'c {n}"\n')
    body = "".join(lines)
    for index, mark in sorted(strays, reverse=True):
        at = index % len(body)
        body = body[:at] + mark + body[at:]
    declared = pipeline(max_rejected_share=1.0, escape=escape)
    try:
        result, found = ingest(folder, HEADER + body, declared)
    except (SourceUnreadableError, SchemaError):
        return
    lost = SMALL - len(found)
    assert sum(result["quarantined"].values()) >= lost
    if not result["quarantined"]:
        reader = csv.reader(io.StringIO(body, newline=""), escapechar=escape)
        assert [row["note"] or "" for row in found] == [row[6] for row in reader]


ESCAPED = ROW.format(3, 3, "x").replace("note x", r'"a \"b, c\" d"')


def test_escapes_are_read_where_they_are_declared_and_kept_apart_where_they_are_not(tmp_path):
    result, found = ingest(tmp_path, rows(300, {3: ESCAPED}), pipeline(escape="\\"))
    assert (result["quarantined"], found[3]["note"]) == ({}, 'a "b, c" d')
    result, found = ingest(tmp_path, rows(300, {3: ESCAPED}), pipeline())
    assert (sum(result["quarantined"].values()), len(found)) == (1, 299)
    simple = ESCAPED.replace("b, c", "b")
    result, found = ingest(tmp_path, rows(300, {3: simple}), pipeline())
    assert result["quarantined"] == {"source.quotes": 1}
    assert "line 5: text comes after a closing quotation mark" in result["reason"]
    assert "declare source.escape" in result["reason"]


def test_a_file_of_nothing_but_misquoted_lines_is_given_up_before_it_fills_the_memory(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("pipelines.stages.ingest.rejects.MAX_REJECTED_BYTES", 1000)
    text = rows(40, {n: ROW.format(n, n, "x").replace("note x", r'"a \"b"') for n in range(40)})
    with pytest.raises(SourceUnreadableError, match=r"a closing quotation mark.*bytes of them"):
        ingest(tmp_path, text, pipeline(max_rejected_share=1.0))


def test_a_quotation_mark_in_an_unquoted_value_is_itself(tmp_path):
    text = rows(300, {3: ROW.format(3, 3, '5" disk'), 9: ROW.format(9, 9, 'say "hi"')})
    result, found = ingest(tmp_path, text, pipeline())
    assert result["quarantined"] == {}
    assert (found[3]["note"], found[9]["note"]) == ('note 5" disk', 'note say "hi"')
    _, found = ingest(tmp_path, rows(300, {3: ROW.format(3, 3, '5" disk')}), pipeline())
    assert found[3]["note"] == 'note 5" disk'


def test_an_unclosed_mark_is_found_beside_a_stray_one_that_makes_their_number_even(tmp_path):
    text = rows(300, {3: ROW.format(3, 3, '5" disk'), 298: OPENS.format(298)})
    with pytest.raises(SourceUnreadableError, match="opened and not closed, by line 300 at"):
        ingest(tmp_path, text, pipeline())


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "a.Csv"])
@pytest.mark.parametrize("packed", [False, True])
def test_gzip_is_reported_by_the_bytes_and_a_suffix_counts_in_any_letter_case(
    tmp_path, name, packed
):
    text = rows(20).encode()
    _, found = ingest(tmp_path, gzip.compress(text) if packed else text, pipeline(), name)
    assert len(found) == 20


def test_a_file_with_an_upper_case_suffix_beside_another_is_not_left_out(tmp_path):
    ingest(tmp_path, rows(20), pipeline(), "a.csv")
    _, found = ingest(tmp_path, rows(20), pipeline(), "B.CSV")
    assert len(found) == 40


@pytest.mark.parametrize("ends", ["", ",", ",,"])
def test_a_delimiter_at_the_end_of_the_first_line_names_no_column(tmp_path, ends):
    header = HEADER.replace("\n", ",,\n")
    body = rows(300, {7: "7,short\n"}).removeprefix(HEADER).replace("\n", f"{ends}\n")
    result, found = ingest(tmp_path, header + body, pipeline())
    assert [row["transaction_id"] for row in found] == [n for n in range(300) if n != 7]
    assert result["quarantined"] == {"source.fields": 1}
    assert kept_apart(tmp_path)[0]["line"] == 9


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"escape": "\\\\"}, "must be one ASCII character"),
        ({"escape": ","}, "escape ',' must be one ASCII character"),
        ({"escape": '"'}, "None where quotation marks are doubled"),
        ({"newlines_in_values": "yes"}, "newlines_in_values must be True or False or None"),
    ],
)
def test_what_csv_cannot_be_written_with_is_refused_when_it_is_declared(given, reported):
    with pytest.raises(DeclarationError, match=reported):
        require_valid(pipeline(**given))
