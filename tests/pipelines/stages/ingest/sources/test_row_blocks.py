"""Python values of a database as Arrow columns."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import SchemaError
from pipelines.spec import Column
from pipelines.stages.ingest.formats.query_rows import from_result
from pipelines.stages.ingest.sources.row_blocks import arrow_block
from pipelines.stages.ingest.sources.row_file import read_columns, read_rows, write_rows

ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(st.characters()),  # lone surrogates too
    st.binary(max_size=4),
    st.datetimes(timezones=st.none() | st.just(dt.UTC)),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.builds(object),
)
KINDS = st.sampled_from(["integer", "number", "timestamp", "text", "flag"])


def block(values):
    return arrow_block([(value,) for value in values], ["x"], "The query of a", 0)["x"]


@given(st.lists(ANY, min_size=1, max_size=6), KINDS)
def test_any_values_are_cast_or_refused_by_an_error_of_ours(values, kind):
    try:
        found = block(values)
        assert len(found) == len(values)
        assert len(from_result(found, Column("x", kind), "query of a", str)) == len(values)
    except SchemaError:
        pass


@given(
    st.one_of(
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1),
        st.lists(st.none() | st.text(st.characters(codec="utf-8")), min_size=1),
        st.lists(st.none() | st.booleans(), min_size=1),
        st.lists(st.none() | st.dates(), min_size=1),
        st.lists(st.none() | st.datetimes(), min_size=1),
        st.lists(st.none() | st.floats(allow_nan=False), min_size=1),
        st.lists(
            st.none() | st.integers(-(10**26), 10**26).map(lambda n: Decimal(n).scaleb(-6)),
            min_size=1,
        ),
        st.lists(st.none() | st.datetimes(timezones=st.just(dt.UTC)), min_size=1),
    )
)
def test_values_of_one_type_are_kept_as_they_are(values):
    assert block(values).to_pylist() == values


def test_ids_and_addresses_become_texts():
    one = UUID("00000000-0000-0000-0000-00000000000a")
    assert block([one, None]).to_pylist() == [str(one), None]
    assert block([memoryview(b"ab")]).to_pylist() == [b"ab"]


def test_decimals_that_are_not_finite_become_floats():
    found = block([Decimal("1.5"), Decimal("Infinity"), None]).to_pylist()
    assert found == [1.5, float("inf"), None]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([1, None, "a"], r"'a' of type str in row 2 .*rows before it have int"),
        ([dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, 5, tzinfo=dt.UTC)], "datetime in row 1"),
        (["a", b"a"], "of type bytes in row 1"),
        ([2**63], "'9223372036854775808' of type int in row 0"),
        ([True, 2], "of type int in row 1"),
    ],
)
def test_values_of_several_types_are_refused_with_the_first_that_differs(values, match):
    with pytest.raises(SchemaError, match=match):
        block(values)


def test_blocks_keep_their_own_types_and_equal_rows_are_equal_bytes(tmp_path):
    blocks = [arrow_block([(v,)], ["x"], "q", 0) for v in (1, "a", None)]
    written = [write_rows(tmp_path / name, ["x", "y"], blocks) for name in "ab"]
    assert written[0] == written[1]
    assert written[0][1] == 3
    assert read_columns(tmp_path / "a") == ["x", "y"]
    assert [each["x"].to_pylist() for each in read_rows(tmp_path / "a")] == [[1], ["a"], [None]]
