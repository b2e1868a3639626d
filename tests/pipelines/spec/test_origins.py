"""Mistakes in relative times are found when they are declared, each with what to write instead."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import Column, Entity, LakeTable, Source, Table, load, require_valid

FRAUD = load("fraud_detection")
PATIENTS = Table(
    "patients",
    (
        Column("customer_id", "integer"),
        Column("entered", "timestamp"),
        Column("born", "text"),
        Column("moved", "timestamp", time_format="days", origin="entered"),
    ),
    row_id="customer_id",
    event_time=None,
    source=Source(path="patients.parquet"),
)
LABS = Table(
    "labs", (Column("lab_id", "integer"), Column("at", "timestamp")), "lab_id", event_time="at"
)


def declaring(*columns, patients=PATIENTS, entities=FRAUD.entities, **of_table):
    table = replace(FRAUD.table, columns=(*FRAUD.table.columns, *columns), **of_table)
    return require_valid(replace(FRAUD, tables=(table, patients, LABS), entities=entities))


def relative(origin, unit="days", name="seen", kind="timestamp"):
    return Column(name, kind, time_format=unit, origin=origin, nullable=True)


@pytest.mark.parametrize(
    "origin", ["1900-01-01", "tx_datetime", "patients.entered", "patients.moved"]
)
@pytest.mark.parametrize("unit", ["days", "hours", "minutes", "seconds"])
def test_an_origin_is_a_day_a_column_or_one_of_a_static_table(origin, unit):
    assert declaring(relative(origin, unit))


@pytest.mark.parametrize(
    ("column", "reported"),
    [
        (relative(""), r"time_format 'days' needs an origin: a day \('1900-01-01'\)"),
        (relative(None), r"needs an origin"),
        (
            relative("1900-01-01", ""),
            r"origin '1900-01-01' is for relative times.*'days', 'hours'",
        ),
        (relative("1900-01-01", "%Y"), r"is for relative times; time_format is '%Y'"),
        (relative("1900-1-1"), r"'1900-1-1' is not a day. Write it as in '1900-01-01'"),
        (relative("1900-02-30"), r"'1900-02-30' is not a day"),
        (relative("19000101"), r"'19000101' is not a day"),
        (
            relative("tx_datetim"),
            r"'tx_datetim' is not another column. Did you mean 'tx_datetime'",
        ),
        (relative("seen"), r"'seen' is not another column"),
        (relative("tx_amount"), r"'tx_amount' is of type 'number'. Name a timestamp"),
        (
            relative("patient.entered"),
            r"table 'patient' is not declared. Did you mean 'patients'",
        ),
        (
            relative("patients.enterd"),
            r"'enterd' is not a column of it. Did you mean 'entered'",
        ),
        (relative("patients.born"), r"'born' is of type 'text'"),
        (relative("labs.at"), r"table 'labs' is not static"),
        (relative("1900-01-01", kind="integer"), r"needs type 'timestamp', not 'integer'"),
        (relative("patients."), r"'' is not a column of it"),
    ],
)
def test_a_wrong_origin_is_refused(column, reported):
    with pytest.raises(DeclarationError, match=rf"column seen: .*{reported}"):
        declaring(column)


def test_origins_that_go_round_are_refused():
    one, two = relative("two", name="one"), relative("one", name="two")
    with pytest.raises(DeclarationError, match=r"go round in a circle: one from two from one"):
        declaring(one, two)


def test_a_static_table_is_found_by_the_entity_that_is_its_row_id():
    seen = relative("patients.entered")
    with pytest.raises(
        DeclarationError, match=r"row_id of 'patients' \('born'\).*customer, term"
    ):
        declaring(seen, patients=replace(PATIENTS, row_id="born"))
    with pytest.raises(DeclarationError, match=r"found by an entity"):
        declaring(seen, entities=(Entity("terminal", "terminal_id"),))
    texts = (Column("customer_id", "text"), *PATIENTS.columns[1:])
    with pytest.raises(
        DeclarationError, match=r"'integer' in 'transactions' and 'text' in 'pat"
    ):
        declaring(seen, patients=replace(PATIENTS, columns=texts))


def test_a_static_table_counts_from_itself_alone_and_a_lake_has_its_event_times():
    other = replace(PATIENTS, columns=(*PATIENTS.columns, relative("homes.built")))
    with pytest.raises(DeclarationError, match=r"table 'homes' is not declared"):
        declaring(patients=other)
    itself = replace(PATIENTS, columns=(*PATIENTS.columns, relative("patients.entered")))
    with pytest.raises(
        DeclarationError, match=r"a static table cannot have its origin in another"
    ):
        declaring(patients=itself)
    with pytest.raises(DeclarationError, match=r"lake is asked for the rows of a partition"):
        declaring(relative("1900-01-01"), source=LakeTable(), event_time="seen")


@pytest.mark.parametrize("zone", ["Europe/Berlyn", "", "CEST", "+01:00"])
def test_a_time_zone_that_there_is_not_is_refused(zone):
    with pytest.raises(
        DeclarationError, match=r"time_zone .* is not a time zone. Use a name of"
    ):
        require_valid(replace(FRAUD, time_zone=zone))


@pytest.mark.parametrize("kind", ["not_before", "not_after"])
@pytest.mark.parametrize(
    ("bound", "of_type", "reported"),
    [
        ("patients.entered", "number", "is for timestamps, and the column is of type 'number'"),
        ("entered", "timestamp", "'entered' is not TABLE.COLUMN"),
        ("patients.enterd", "timestamp", "Did you mean 'entered'"),
        ("patients.born", "timestamp", "'born' is of type 'text'. Name a timestamp"),
        ("labs.at", "timestamp", "table 'labs' is not static"),
        ("patient.entered", "timestamp", "Did you mean 'patients'"),
    ],
)
def test_a_wrong_bound_of_times_is_refused(kind, bound, of_type, reported):
    column = Column("seen", of_type, **{kind: bound})
    with pytest.raises(DeclarationError, match=rf"column seen: {kind} .*{reported}"):
        declaring(column)
    assert declaring(replace(column, type="timestamp", **{kind: "patients.entered"}))
