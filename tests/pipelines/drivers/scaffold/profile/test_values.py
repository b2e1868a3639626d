"""What is found in the values of a column: types, formats, marks, words."""

import gzip

import pyarrow as pa
import pytest

from pipelines.drivers.scaffold.profile.columns import (
    ReadingGuess,
    column_names,
    guess_columns,
)
from pipelines.drivers.scaffold.profile.delimited_sample import (
    read_delimited_sample,
    sniffed_delimiter,
)
from pipelines.drivers.scaffold.profile.number_texts import GuessedMarks, marks_of
from pipelines.drivers.scaffold.profile.roles import guess_roles, is_named_as_id


def guessed(values, marks=None, header="x"):
    rows = pa.table({header: pa.chunked_array([pa.array(values, pa.string())])})
    how = ReadingGuess(all_texts=True, marks=marks or marks_of(rows.columns))
    return guess_columns(rows, how)[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", None], "integer"),
        (["1", "0"], "flag"),
        (["1.0", "2.0", None], "integer"),
        (["1.5", "2", "1e3"], "number"),
        (["007", "123"], "text"),
        (["12345678901234567890", "1"], "text"),
        (["True", "false"], "flag"),
        (["ja", "nein"], "flag"),
        (["a", "1"], "text"),
        (["2026-01-31", "2026-02-01"], "timestamp"),
        (["2026-01-31T10:00:00+02:00"], "timestamp"),
        (["31.01.2026 10:00", "01.02.2026 11:30"], "timestamp"),
        (["20260131", "20260201"], "timestamp"),
        (["Jan 31, 2026", "Feb 01, 2026"], "timestamp"),
        (["nan", "1.5"], "text"),
        (["", " "], "text"),
        (["0x10", "0x11"], "text"),
        (["1-2", "3-4"], "text"),
    ],
)
def test_the_type_of_texts(values, kind):
    assert guessed(values).type == kind


@pytest.mark.parametrize(
    ("values", "time_format"),
    [
        (["31.01.2026", "01.02.2026"], "%d.%m.%Y"),
        (["01/31/2026", "02/01/2026"], "%m/%d/%Y"),
        (["31/01/2026 08:15", "01/02/2026 09:00"], "%d/%m/%Y %H:%M"),
        (["01/31/2026 8:15 PM", "02/01/2026 9:00 AM"], "%m/%d/%Y %I:%M %p"),
        (["31.01.26", "01.02.26"], "%d.%m.%y"),
        (["2026-01-31 08:15", "2026-02-01 09:00"], ""),
    ],
)
def test_the_format_of_times(values, time_format):
    assert guessed(values).time_format == time_format


def test_of_two_orders_of_day_and_month_the_one_of_the_shorter_time_is_taken_and_the_other_named():
    close = guessed(["03/01/2026", "03/02/2026", "03/03/2026"])
    assert close.time_format == "%m/%d/%Y"
    assert close.other_formats == ("%d/%m/%Y",)


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("created_at", ["1767225600", "1767229200"], "epoch_s"),
        ("timestamp", ["1767225600000", "1767229200000"], "epoch_ms"),
        ("price", ["1767225600", "1767229200"], ""),
    ],
)
def test_seconds_since_1970_are_times_where_the_column_is_named_so(name, values, found):
    assert guessed(values, header=name).time_format == found


@pytest.mark.parametrize(
    ("columns", "marks"),
    [
        ([["1.5", "2.25"]], GuessedMarks()),
        ([["1,5", "2,25"]], GuessedMarks(",")),
        ([["1.234,5", "12,5"]], GuessedMarks(",", ".")),
        ([["1,234.5", "12.5"]], GuessedMarks(".", ",")),
        ([["1,234", "5,678"]], GuessedMarks(".", ",")),
        ([["1 234,5", "12,5"]], GuessedMarks(",", " ")),
        ([["1,5"], ["a, b", "c"], ["31.01.2026"]], GuessedMarks(",")),
        ([["abc"]], GuessedMarks()),
    ],
)
def test_the_marks_of_numbers(columns, marks):
    assert marks_of([pa.chunked_array([pa.array(c)]) for c in columns]) == marks


def test_words_are_in_the_letter_case_of_the_source():
    assert guessed(["Yes", "No"]).words == {"No": 0, "Yes": 1}
    assert guessed(["NO", "NO"]).words == {"NO": 0, "YES": 1}
    assert guessed(["kept", "lost"]).words is None


@pytest.mark.parametrize(
    ("no", "yes"),
    [("no", "sí"), ("N", "S"), ("Não", "Sim"), ("n", "o"), ("N", "J"), ("nee", "ja")],
)
def test_words_of_other_languages_are_flags(no, yes):
    assert guessed([yes, no, None]).words == {no: 0, yes: 1}


@pytest.mark.parametrize(
    ("values", "nulls"),
    [
        (["s/d", *(f"{n},5" for n in range(12))], ("", "s/d")),
        (["s/d", "k.A.", *(f"{n},5" for n in range(12))], ("",)),
        (["<5", *(f"{n},5" for n in range(12))], ("",)),
        (["x", *(str(n) for n in range(12))], ("",)),
    ],
)
def test_one_word_among_numbers_with_decimals_is_a_null(values, nulls, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a;b\n" + "".join(f"{value};1\n" for value in values))
    assert read_delimited_sample([path], 1 << 20).settings.get("nulls", ("",)) == nulls


def test_one_word_among_whole_numbers_is_noted():
    assert "name it in Source.nulls" in guessed(["x", "12", "13"]).note


def test_times_of_day_and_numbers_with_a_sign_are_noted_and_are_no_entities():
    each = range(300)
    rows = pa.table(
        {
            "at": [f"{n % 24:02}:{n % 20:02}" for n in each],
            "rate": [f"{n % 70}.5%" for n in each],
            "paid": [f"{n % 70},50 €" for n in each],
            "member": [f"m{n % 70}" for n in each],
        }
    )
    columns = guess_columns(rows, ReadingGuess(all_texts=True))
    notes = [column.note.partition(":")[0] for column in columns]
    sign = "numbers with a sign, which are read as text"
    assert notes == ["times of day", sign, sign, ""]
    assert guess_roles(columns).entities == ("member",)


def test_a_few_numbers_of_something_are_no_ids():
    how = ReadingGuess(all_texts=True)
    rows = pa.table(
        {name: [str(n % 6) for n in range(60)] for name in ("num_seats", "shop_id")}
    )
    assert [is_named_as_id(column) for column in guess_columns(rows, how)] == [False, True]


def test_of_flags_without_a_known_name_the_last_is_the_label():
    how = ReadingGuess(all_texts=True)
    rows = pa.table({name: ["yes", "no"] * 30 for name in ("paid", "no_show")})
    roles = guess_roles(guess_columns(rows, how))
    assert (roles.label, roles.other_labels) == ("no_show", ("paid",))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_parts_the_lines_alike(delimiter):
    lines = ["id", "text, with; all", "value"], ["1", '"a,b;c"', "2,5"], ["2", "d;e", "3"]
    text = "\n".join(
        delimiter.join(f'"{v}"' if delimiter in v and '"' not in v else v for v in line)
        for line in lines
    )
    assert sniffed_delimiter(text) == delimiter


def test_names_are_lower_case_words_each_once():
    headers = [
        "Lab Value (mg/dl)",
        "FlightNumber",
        "TX_ID",
        "9lives",
        "Größe",
        "a",
        "A",
        "*",
        "_x",
    ]
    expected = ["lab_value_mg_dl", "flight_number", "tx_id", "c_9lives", "grosse"]
    assert column_names(headers) == [*expected, "a", "a_2", "column", "x"]


def test_a_large_file_is_read_from_its_start_to_its_end(tmp_path):
    path = tmp_path / "large.csv"
    lines = [f"{n},value {n}" for n in range(20_000)]
    path.write_text("\n".join(["id,text", *lines]) + "\n")
    sample = read_delimited_sample([path], 20_000)
    ids = [int(each) for each in sample.rows["id"].to_pylist()]
    assert (ids[0], ids[-1]) == (0, 19_999)
    assert len(ids) == len(set(ids)) < 3_000
    assert set(sample.rows["text"].to_pylist()) == {f"value {n}" for n in ids}
    assert not sample.whole
    assert sample.total == pytest.approx(20_000, rel=0.15)


def test_of_a_large_compressed_file_the_start_is_read(tmp_path):
    path = tmp_path / "large.csv.gz"
    lines = [f"{n},{hash(n * 7919) % 10**12}" for n in range(20_000)]
    path.write_bytes(gzip.compress("\n".join(["id,code", *lines]).encode()))
    assert path.stat().st_size > 20_000
    sample = read_delimited_sample([path], 20_000)
    assert sample.rows["id"][0].as_py() == "0"
    assert 500 < sample.rows.num_rows < 3_000
    assert not sample.whole
