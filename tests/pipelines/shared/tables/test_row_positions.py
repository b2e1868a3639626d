"""Rows are found by their id, each once, in whatever order the tables have them."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ArtifactError
from pipelines.shared.tables.row_positions import ABSENT, row_positions


def chunked(values, kind, size=3):
    parts = [values[n : n + size] for n in range(0, len(values), size)]
    return pa.chunked_array([pa.array(part, kind) for part in parts], kind)


@given(
    wanted=st.lists(st.integers(-9, 30), unique=True),
    among=st.lists(st.integers(-9, 30), unique=True),
    is_text=st.booleans(),
    with_null=st.booleans(),
)
def test_positions_are_those_of_a_dictionary(wanted, among, is_text, with_null):
    own = (str if is_text else int, pa.string() if is_text else pa.int64())
    wanted, among = [[own[0](each) for each in values] for values in (wanted, among)]
    position = {each: n for n, each in enumerate(among)}
    expected = [position.get(each, ABSENT) for each in wanted] + [ABSENT] * with_null
    wanted = [*wanted, None] if with_null else wanted
    among = [*among, None, None] if with_null else among
    found = row_positions(chunked(wanted, own[1]), chunked(among, own[1], 4))
    assert found.tolist() == expected


@pytest.mark.parametrize("sides", [([1, 2, 2], [1, 2]), ([1, 2], [2, 1, 2]), ([3, 3], [3, 3])])
def test_an_id_that_is_there_twice_is_refused(sides):
    with pytest.raises(ArtifactError, match=r"1 of \d row ids are there more than once"):
        row_positions(*(chunked(side, pa.int64()) for side in sides))
