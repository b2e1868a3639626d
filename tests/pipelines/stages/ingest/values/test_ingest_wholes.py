"""Integers that went through floats lose digits, and are refused before two of them become one."""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import DeclarationError, SchemaError
from pipelines.spec import Column, Entity, load, require_valid
from pipelines.stages.ingest.values.cast import from_text, from_typed
from tests.pipelines.shared.tables.made import (
    csv_pipeline,
    done,
    transactions,
    with_column,
    write_source,
)

WHOLE = Column("i", "integer")
LIMITS = {np.float16: 2**11, np.float32: 2**24, np.float64: 2**53}


def row_name(row):
    return f"row {row}"


def typed(values, kind=None):
    return from_typed(
        pa.chunked_array([pa.array(values, kind)]), WHOLE, "f", row_name
    ).to_pylist()


def parsed(texts):
    array = pa.chunked_array([pa.array(texts, pa.string())])
    return from_text(array, WHOLE, "f", row_name).to_pylist()


@pytest.mark.parametrize("column", ["CUSTOMER_ID", "TRANSACTION_ID", "TX_FRAUD"])
def test_ids_that_went_through_floats_do_not_become_other_ids(tmp_path, column):
    cards = 1_230_000_000_000_000_000 + np.arange(300)
    assert len(set(cards.astype(np.float64))) < 5
    write_source(
        tmp_path, with_column(transactions(300), column, pa.array(cards.astype(np.float64)))
    )
    shown = r"1.23e\+18" if column != "CUSTOMER_ID" else "••• .*"
    reported = (
        rf"'{column.lower()}' holds {shown} in row 0 .*float64 that may have lost digits.*Int64"
    )
    with pytest.raises(SchemaError, match=reported):
        done("ingest", tmp_path / "store", tmp_path)


@given(
    st.sampled_from(list(LIMITS)),
    st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**25), 2**25),
)
def test_a_float_is_taken_where_no_other_integer_could_have_become_it(kind, value):
    with np.errstate(over="ignore"):
        stored = kind(value)
    if abs(stored) < LIMITS[kind]:
        assert typed(np.array([0, stored, np.nan], kind)) == [0, value, None]
    else:
        with pytest.raises(SchemaError, match=r"holds .* in row 1, "):
            typed(np.array([0, stored], kind))


@pytest.mark.parametrize("kind", LIMITS)
def test_the_first_float_that_is_refused_is_the_rounding_of_two_integers(kind):
    limit = LIMITS[kind]
    assert kind(limit) == kind(limit + 1)
    assert typed(np.array([limit - 1, 1 - limit], kind)) == [limit - 1, 1 - limit]
    bits = np.dtype(kind).itemsize * 8
    with pytest.raises(
        SchemaError, match=rf"row 0, a float{bits} .*from 2\^.* \({limit:,}\) on"
    ):
        typed(np.array([limit], kind))


digits = st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**54), 2**54)


@given(
    digits, st.sampled_from(["{}", "+{}", "{}.", "{}.0", "{}.000", "{}e0", "{:e}", "{:.15E}"])
)
def test_a_text_becomes_the_number_that_it_says_or_is_refused(value, form):
    text = form.format(value).replace("+-", "-")
    with suppress(SchemaError):
        assert parsed([text]) == [Fraction(text.removesuffix("."))]
        return
    assert form not in ("{}", "+{}")
    assert "e" in text.lower() or abs(value) >= 2**53


@pytest.mark.parametrize(
    "text", ["1.23e18", "1.23E+18", "1230000000000000000.0", "-9007199254740992.", "1e999"]
)
def test_a_text_that_a_float_wrote_is_refused_from_where_digits_may_be_lost(text):
    with pytest.raises(
        SchemaError,
        match=r"row 1, a number with a point or an exponent that may have lost digits",
    ):
        parsed(["1", text])


@pytest.mark.parametrize("text", ["0x1F", "0XFFFFFFFFFFFFFFFF", "-0x1"])
def test_a_hexadecimal_text_is_no_integer(text):
    with pytest.raises(SchemaError, match=rf"holds '{text}' in row 1, which is hexadecimal"):
        parsed(["16", text])


@pytest.mark.parametrize(
    "text", ["1.5", "1.00000000000000000001", "1e-3", "1_000", "1,000", "1d5", "inf", "nan"]
)
def test_a_text_that_is_no_whole_number_is_refused(text):
    with pytest.raises(
        SchemaError, match=rf"holds '{text}' in row 0, which is not of type integer"
    ):
        parsed([text])


def test_exact_decimals_keep_every_digit_of_an_integer():
    assert typed([10**18 + 1, -7, None], pa.decimal128(38, 4)) == [10**18 + 1, -7, None]
    fraction = pa.array(["1.5"]).cast(pa.decimal128(5, 1))
    with pytest.raises(SchemaError, match="row 0, which is not of type integer"):
        typed(fraction)


def test_an_id_or_an_entity_that_is_declared_as_number_is_refused_when_it_is_declared():
    pipeline = csv_pipeline()
    numbers = tuple(
        replace(c, type="number") if c.name in ("transaction_id", "customer_id") else c
        for c in pipeline.table.columns
    )
    wrong = replace(pipeline, tables=(replace(pipeline.table, columns=numbers),))
    with pytest.raises(
        DeclarationError, match=r"row_id 'transaction_id' is a number(.|\n)*customer: column"
    ):
        require_valid(wrong)
    assert Entity("customer", "customer_id") in load("fraud_detection").entities
