"""Words, numbers with other marks, headers of any spelling, and UUIDs."""

import re
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import SchemaError
from pipelines.spec import Column, load
from pipelines.stages.ingest.columns import match_columns
from pipelines.stages.ingest.values.cast import from_text, from_typed
from pipelines.stages.ingest.values.number_marks import Marks
from pipelines.stages.ingest.values.times import Clock
from tests.pipelines.shared.tables.made import DAY, csv_pipeline, done

NUMBER, INTEGER, TEXT = Column("n", "number"), Column("i", "integer"), Column("t", "text")
GERMAN, FRENCH, SWISS = Marks(",", "."), Marks(",", " "), Marks(".", "'")
COMMA, US = Marks(","), Marks(".", ",")


def parsed(texts, column, marks=Marks()):  # noqa: B008
    values = pa.chunked_array([pa.array(texts, pa.string())])
    return from_text(values, column, "f", "row {}".format, Clock(), marks).to_pylist()


def typed(array, column):
    values = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    return from_typed(values, column, "f", "row {}".format).to_pylist()


@pytest.mark.parametrize(
    ("text", "marks", "wanted"),
    [
        ("1.234", GERMAN, 1234.0),
        ("1.234,5", GERMAN, 1234.5),
        ("-1.234.567,25", GERMAN, -1234567.25),
        ("1234,5", GERMAN, 1234.5),
        ("+0,5", GERMAN, 0.5),
        (",5", COMMA, 0.5),
        ("5,", COMMA, 5.0),
        ("1,5e3", COMMA, 1500.0),
        ("-1,5E-03", COMMA, -0.0015),
        ("1\u202f234,5", FRENCH, 1234.5),
        ("1\u00a0234 567", FRENCH, 1234567.0),
        ("1\u2019234.5", SWISS, 1234.5),
        ("1,234.5", US, 1234.5),
        ("inf", COMMA, float("inf")),
        ("", GERMAN, None),
        (None, GERMAN, None),
    ],
)
def test_a_number_is_read_by_the_declared_marks(text, marks, wanted):
    assert parsed([text], NUMBER, marks) == [wanted]


@pytest.mark.parametrize(
    ("text", "marks", "message"),
    [
        (
            "1.23",
            GERMAN,
            r"holds '1.23' in row 1, which is not a number with the decimal mark ','",
        ),
        ("12.34.567", GERMAN, "in groups of three"),
        ("1234.567", GERMAN, "in groups of three"),
        (".123", GERMAN, "not a number"),
        ("s/d", GERMAN, "stands for a null, name it in source.nulls"),
        ("s/d", Marks(), "stands for a null, name it in source.nulls"),
        ("1,234,5", GERMAN, "not a number"),
        ("1.5", COMMA, "'1.5' in row 1.*decimal mark ',' and none between thousands"),
        ("1 234", COMMA, "not a number"),
        ("1,23", US, "not a number"),
        (
            "1,234",
            Marks(),
            r"'1,234' in row 1, .*declare its marks as source.decimal and source.thousands",
        ),
        ("1.234.567", Marks(), "declare its marks as source.decimal"),
        ("abc", COMMA, "not a number"),
        ("1e400", Marks(), "too large for a float"),
        ("1e400", COMMA, "too large for a float"),
    ],
)
@pytest.mark.parametrize("column", [NUMBER, INTEGER])
def test_a_number_of_other_marks_is_an_error_and_never_another_number(
    column, text, marks, message
):
    if column is INTEGER and "e400" in text:
        message = "lost digits"
    with pytest.raises(SchemaError, match=message):
        parsed(["5", text], column, marks)


THOUSANDTHS = st.integers(-(10**15), 10**15).map(lambda n: Decimal(n).scaleb(-3))


@given(
    st.lists(THOUSANDTHS, min_size=1),
    st.sampled_from([GERMAN, FRENCH, SWISS, COMMA, US]),
)
def test_numbers_in_any_marks_are_those_in_plain_ones(numbers, marks):
    swapped = str.maketrans({",": marks.thousands, ".": marks.decimal})
    texts = [f"{number:,}".translate(swapped) for number in numbers]
    assert parsed(texts, NUMBER, marks) == [float(number) for number in numbers]
    whole = [int(number) for number in numbers]
    texts = [f"{number:,}".translate(swapped) for number in whole]
    assert parsed(texts, INTEGER, marks) == whole


SMOKES = Column("smokes", "flag", words={"no": 0, "yes": 1, "?": None}, nullable=True)
READMITTED = Column("readmitted", "integer", words={"NO": 0, "<30": 1, ">30": 2})


def test_words_become_their_integers_and_a_declared_unknown_a_null():
    assert parsed(["no", " yes ", "?", None, ""], SMOKES) == [0, 1, None, None, None]
    assert parsed(["<30", "NO", ">30"], READMITTED) == [1, 0, 2]
    texts = pa.array(["yes", None, "no"])
    assert typed(texts, SMOKES) == [1, None, 0]
    assert typed(texts.dictionary_encode(), SMOKES) == [1, None, 0]
    assert typed(texts.cast(pa.large_string()), SMOKES) == [1, None, 0]


def test_words_are_matched_by_typed_values_too():
    said = Column("f", "flag", words={"True": 0, "False": 1})
    assert typed(pa.array([True, False, None]), said) == [0, 1, None]
    coded = Column("f", "flag", words={"1": 0, "2": 1})
    assert parsed(["2", "1"], coded) == [1, 0]
    assert typed(pa.array([2, 1, None], pa.int8()), coded) == [1, 0, None]
    assert typed(pa.array([2.0, 1.0, float("nan")]), coded) == [1, 0, None]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["no", "Yes"],
            r"'Yes' in row 1, which is none of the column's declared words. Expected one of 'no', 'yes', '\?', spelled exactly so. Did you mean 'yes'\?",
        ),
        (
            ["no", "maybe"],
            "'maybe' in row 1, which is none .* so. Correct the source, or declare",
        ),
        (["1"], "'1' in row 0"),
    ],
)
def test_an_undeclared_word_is_named_with_its_row_and_the_nearest_declared(values, message):
    with pytest.raises(SchemaError, match=message):
        parsed(values, SMOKES)
    with pytest.raises(SchemaError, match=message):
        typed(pa.array(values), SMOKES)


def test_typed_values_without_a_word_are_refused():
    with pytest.raises(SchemaError, match="holds True in row 0, which is none of the column's"):
        typed(pa.array([True]), SMOKES)
    with pytest.raises(SchemaError, match="holds 3 in row 0, which is none"):
        typed(pa.array([3]), SMOKES)
    with pytest.raises(SchemaError, match=r"is list<.*where flag is declared"):
        typed(pa.array([[1]]), SMOKES)


@given(st.lists(st.uuids() | st.none(), max_size=9), st.integers(0, 3))
def test_uuids_become_their_texts(ids, start):
    raw = pa.array([each and each.bytes for each in ids], pa.binary(16))
    for array in (raw, pa.ExtensionArray.from_storage(pa.uuid(), raw)):
        wanted = [each and str(each) for each in ids]
        assert typed(array, TEXT) == wanted
        assert typed(array.slice(start), TEXT) == wanted[start:]


def table_of(*columns):
    return replace(load("fraud_detection").table, name="labs", columns=columns)


HEADERS = ["ID", "Lab Value (mg/dl)", "Größe", "a.b", " note", "x", "X"]


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (Column("id", "integer"), "ID"),
        (Column("value", "number", source_name="Lab Value (mg/dl)"), "Lab Value (mg/dl)"),
        (Column("size", "number", source_name="Gro\u0308ße"), "Größe"),
        (Column("point", "number", source_name="a.b"), "a.b"),
        (Column("note", "text", source_name=" note"), " note"),
        (Column("x", "text", source_name="X"), "X"),
    ],
)
def test_a_header_is_found_as_it_is_written(column, wanted):
    twice = replace(column, name="again")
    found = match_columns(HEADERS, table_of(column, replace(twice, source_name=wanted)), "f")
    assert found == {column.name: wanted, "again": wanted}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            Column("v", "number", source_name="lab value"),
            "no column 'lab value'.*Did you mean 'Lab Value",
        ),
        (Column("v", "number", source_name="Id"), r"no column 'Id'.*Did you mean 'ID'\?"),
        (Column("note", "text"), r"no column note.*Did you mean ' note'\?"),
        (Column("x", "text"), r"'x' occurs 2 times \(x, X\). Declare which by source_name"),
        (
            Column("v", "text", source_name="twice"),
            r"occurs 2 times \(twice, twice\). Expected one",
        ),
    ],
)
def test_a_header_that_is_missing_or_ambiguous_is_reported_with_the_nearest(column, message):
    with pytest.raises(SchemaError, match=message):
        match_columns([*HEADERS, "twice", "twice"], table_of(column), "f")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_file_of_another_delimiter_is_refused_with_the_one_that_it_seems_to_have(
    tmp_path, mark
):
    path = tmp_path / f"ds={DAY}" / "a.csv"
    path.parent.mkdir()
    names = load("fraud_detection").table.column_names()
    path.write_text(mark.join(names) + "\n")
    with pytest.raises(
        SchemaError, match="separated by ','.*which seems to be " + re.escape(repr(mark))
    ):
        done("ingest", tmp_path / "store", tmp_path, csv_pipeline())
