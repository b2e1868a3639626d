"""Rows that are selected by any of several values: which the declared ones are in a history."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.operators.hashing import hash_words
from pipelines.operators.values import NULL_WHOLE
from pipelines.spec import Column, Trailing
from pipelines.stages.featurize.selection import equal_any
from pipelines.stages.featurize.window_plan import programs_of
from tests.pipelines.stages.featurize.clinic import clinic

INT64 = st.integers(-(2**63), 2**63 - 1)


def selected(column, values, stored):
    """Which stored values a window over a column counts."""
    feature = Trailing("patient", ("count",), (1,), where=(column, values), table="labs")
    columns = (
        Column("whole", "integer"),
        Column("flag", "flag"),
        Column("exact", "number", decimals=2),
        Column("float", "number"),
    )
    (program,) = programs_of(clinic(features=(feature,), columns=(*LABS, *columns)))
    only = program.windows[0].only
    return equal_any(np, stored, only.values).tolist()


LABS = next(t for t in clinic().tables if t.name == "labs").columns


@given(data=st.data(), values=st.lists(INT64, min_size=1, max_size=4, unique=True))
@example(data=None, values=[2**53, 2**53 + 1])
@example(data=None, values=[2**53 + 1])
@example(data=None, values=[NULL_WHOLE, 5])
def test_integers_are_compared_as_integers_and_null_is_none_of_them(data, values):
    near = [v + d for v in values for d in (-1, 0, 1) if -(2**63) <= v + d < 2**63]
    rows = np.array(near, np.int64)
    found = selected("whole", tuple(values), rows)
    assert found == [v in values and v != NULL_WHOLE for v in near]


def test_texts_are_compared_by_their_hashes_and_unknown_ones_are_none():
    import pyarrow as pa

    words = ["a", "b", "", "A", "Bücher", "x" * 300]
    rows = np.append(hash_words(pa.array(words)).view(np.int64), NULL_WHOLE)
    found = selected("test", ("b", "Bücher", "c"), rows)
    assert found == [False, True, False, False, True, False, False]


def test_numbers_are_compared_in_the_units_of_their_history():
    cents = np.array([-110, 110, 111, 0, NULL_WHOLE])
    assert selected("exact", (1.1, 0), cents) == [False, True, False, True, False]
    floats = np.array([0.1, 0.1 + 2**-56, -0.0, np.nan, np.inf])
    assert selected("float", (0.1, 0.0), floats) == [True, False, True, False, False]
    assert selected("flag", (True,), np.array([0, 1, NULL_WHOLE])) == [False, True, False]


def test_one_value_in_a_tuple_is_that_value():
    rows = np.array([1, 2, 3])
    assert selected("whole", (2,), rows) == selected("whole", 2, rows) == [False, True, False]
