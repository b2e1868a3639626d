"""What may name a row, and what rows may belong to."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import Column, Entity, load, require_valid

PIPELINE = load("fraud_detection")
EXTRA = (Column("plate", "text"), Column("weight", "number"), Column("seen", "timestamp"))


def with_row_id(row_id):
    table = replace(PIPELINE.table, row_id=row_id, columns=(*PIPELINE.table.columns, *EXTRA))
    return replace(PIPELINE, tables=(table,))


def with_entity(column, name="thing"):
    pipeline = with_row_id("transaction_id")
    return replace(pipeline, entities=(*pipeline.entities, Entity(name, column)))


@pytest.mark.parametrize(
    ("row_id", "expected"),
    [
        (("transaction_id", "tx_amount"), "'tx_amount' is a number, and a float is exact"),
        (("transaction_id", "plaet"), "'plaet' is not declared. Did you mean 'plate'"),
        (("plate", "plate"), "'plate' is named twice"),
        ((), "must be the name of a column, or a tuple of names; got ()"),
        (["plate", "seen"], "row_id must be a text or a tuple, such as (x,) for one: texts"),
        (7, "row_id must be a text or a tuple, such as (x,) for one: texts; got 7"),
    ],
)
def test_a_row_id_that_cannot_be_compared_is_refused(row_id, expected):
    with pytest.raises(DeclarationError) as error:
        require_valid(with_row_id(row_id))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("column", "name", "expected"),
    [
        ("weight", "thing", "column 'weight' of table transactions is of type 'number'"),
        (
            ("plate", "seen"),
            "thing",
            "column 'seen' of table transactions is of type 'timestamp'",
        ),
        (("plate", "nothing"), "thing", "column 'nothing' is not declared"),
        (
            ("plate", "customer_id"),
            "row",
            "its column '_row' would be mistaken for one of Millrace's",
        ),
        (("plate", "customer_id"), "id", "Rename the entity"),
        ((), "thing", "must be the name of a column, or a tuple of names"),
        ("plate", "customer", "entity 'customer' is declared twice"),
    ],
)
def test_an_entity_that_names_nothing_is_refused(column, name, expected):
    with pytest.raises(DeclarationError) as error:
        require_valid(with_entity(column, name))
    assert expected in str(error.value)


def test_an_entitys_columns_must_be_of_a_good_type_in_every_table_that_has_them():
    other = replace(
        PIPELINE.table,
        name="readings",
        row_id="plate",
        columns=(*EXTRA, Column("customer_id", "number"), *PIPELINE.table.columns[:2]),
    )
    pipeline = with_entity("plate")
    with pytest.raises(DeclarationError) as error:
        require_valid(replace(pipeline, tables=(*pipeline.tables, other)))
    assert "'customer_id' of table readings is of type 'number'" in str(error.value)


@pytest.mark.parametrize("row_id", ["plate", ("seen", "plate"), ("transaction_id",)])
def test_texts_times_and_several_columns_name_rows(row_id):
    assert require_valid(with_row_id(row_id)).stored.column_names()[-1] in ("_id", "seen")


def test_texts_and_several_columns_are_entities():
    pipeline = require_valid(with_entity(("plate", "customer_id")))
    assert pipeline.composites() == {"_thing": ("plate", "customer_id")}
    assert pipeline.is_text("thing")
    assert not pipeline.is_text("customer")
