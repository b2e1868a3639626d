"""How values are written in a source: the mistakes of a declaration."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import Column, Source, load
from pipelines.spec.checks import require_valid


def declared(column=None, source=None):
    pipeline = load("fraud_detection")
    table = pipeline.table
    if column is not None:
        table = replace(table, columns=(*table.columns, column))
    return replace(pipeline, tables=(replace(table, source=source or table.source),))


def timed(time_format, kind="timestamp"):
    return Column("seen_at", kind, time_format=time_format)


def worded(words, kind="flag", *, nullable=False):
    return Column("smokes", kind, words=words, nullable=nullable)


def csv(**settings):
    return Source(path="{day}.csv", format="csv", **settings)


GOOD = [
    *(timed(f) for f in ("epoch_s", "epoch_ms", "epoch_us", "%Y-%m-%d", "%d.%m.%y %H:%M")),
    *(timed(f) for f in ("%Y%j", "%d %B %Y", "%b %d, %Y %I:%M:%S.%f %p", "%Y-%m-%dT%H:%M%z")),
    timed("%A 100%% %d/%m/%Y"),
    worded({"no": 0, "yes": 1}),
    worded({"no": 0, "yes": 1, "?": None}, nullable=True),
    worded({"NO": 0, "<30": 1, ">30": 2}, "integer"),
    Column("x", "number", source_name="Lab Value (mg/dl) \u00b5"),
    Column("x", "text", source_name="TX_AMOUNT"),
]
BAD = [
    (timed("%H:%M"), r"has no year. Add %Y[\s\S]*has no day. Add %m and %d"),
    (timed("%Y-%m"), "has no day"),
    (timed("%d.%m."), "has no year"),
    (timed("%Y-%m-%d %M"), "has %M without %H"),
    (timed("%Y-%m-%d %H:%S"), "has %S without %M"),
    (timed("%Y-%m-%d %H:%M.%f"), "has %f without %S"),
    (timed("%Y-%m-%d %I:%M"), "needs %I and %p together"),
    (timed("%Y-%m-%d %H:%M %p"), "needs %I and %p together"),
    (timed("%Y-%m-%d%z"), "has %z without %H"),
    (timed("%Y %y-%m-%d"), "has %Y and %y, which say the same"),
    (timed("%Y-%m-%d %j"), "has %d and %j, which say the same"),
    (timed("%Y-%m-%d %d"), "has %d twice"),
    (timed("%Y-%m-%d %Q"), "%Q is not known. Known: %Y, %y, %m"),
    (timed("%Y-%m-%d %H:%M %Z"), "%Z .names of time zones .declare source.time_zone"),
    (timed("%G-W%V-%u"), "%G .weeks. is not known"),
    (timed("%Y-%m-%d %"), "it ends with %. Write %% for the sign"),
    (timed("epoch"), r"'epoch' has no directives. Did you mean 'epoch_\w+'"),
    (
        timed("iso"),
        "has no directives. Known: days, epoch_ms, epoch_s, epoch_us, hours, minutes, seconds. Or write it as",
    ),
    (timed("%Y-%m-%d", "text"), "needs type 'timestamp', not 'text'"),
    (timed("epoch_s", "integer"), "needs type 'timestamp', not 'integer'"),
    (
        worded({"a": 1}, "text"),
        "words are for columns of type integer or flag, not 'text'. Texts are",
    ),
    (worded({"a": 1}, "number"), "not 'number'"),
    (worded({"a": 2}), r"words\['a'\] is 2, and a flag is 0 or 1"),
    (worded({"a": 1.5}, "integer"), r"words\['a'\] must be an integer or None; got 1.5"),
    (worded({"a": "1"}, "integer"), r"words\['a'\] must be an integer or None; got '1'"),
    (worded({"a": True}), r"words\['a'\] must be an integer or None; got True"),
    (
        worded({"a": 2**63}, "integer"),
        "must be an integer or None of 64 bits; got 9223372036854775808",
    ),
    (worded({1: 0}), "a key of .*words must be a text; got 1"),
    (worded({" no": 0}), "' no' has spaces around it"),
    (worded({"": 0}), "an empty field is null by itself"),
    (worded({"?": None}), "is None, a null, and the column is not nullable"),
    (worded({}), "declare no word"),
    (Column("x", "text", source_name=""), "source_name '' is no name"),
]
BAD_SOURCES = [
    (csv(decimal=";"), "decimal ';' must be '.' or ','"),
    (csv(thousands=","), None),
    (csv(decimal=",", thousands=","), "thousands and decimal are both ','"),
    (csv(thousands="."), "thousands and decimal are both '.'"),
    (csv(thousands="ab"), "thousands 'ab' must be one character"),
    (csv(thousands="1"), "thousands '1' must be one character"),
    (csv(thousands="-"), "thousands '-' must be one character"),
    (csv(sheet="Data"), "sheet 'Data' is for Excel, not 'csv'"),
    (Source(sheet="Data"), "sheet 'Data' is for Excel, not 'parquet'"),
    (Source(decimal=","), "decimal and thousands are for CSV, not 'parquet'"),
    (Source(path="{day}.json", format="json", thousands="."), "are for CSV, not 'json'"),
    (Source(path="{day}.xlsx", format="excel", sheet="Data"), None),
    (Source(path="{month}.csv", format="csv"), r"which need \{day\} or"),
    (Source(path="{day}.feather", format="fether"), "Did you mean 'feather'"),
]


@pytest.mark.parametrize("column", GOOD, ids=repr)
def test_a_way_of_writing_that_can_be_read_is_no_mistake(column):
    require_valid(declared(column))


@pytest.mark.parametrize(("column", "message"), BAD)
def test_a_way_of_writing_that_cannot_be_read_is_found_in_the_declaration(column, message):
    with pytest.raises(DeclarationError, match=message):
        require_valid(declared(column))


@pytest.mark.parametrize(("source", "message"), BAD_SOURCES)
def test_a_source_that_contradicts_itself_is_found_in_the_declaration(source, message):
    if message is None:
        require_valid(declared(source=source))
        return
    with pytest.raises(DeclarationError, match=message):
        require_valid(declared(source=source))
