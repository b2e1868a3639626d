"""Raw rows in any form become what the graph gets from the feature table, or an error of ours."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.api.rows import arrow_rows, served_arrays
from pipelines.core.errors import ConfigError, PipelineError
from pipelines.operators.values import NULL_WHOLE
from pipelines.shared.tables.values import read_served

KINDS = {"n": "number", "i": "integer", "t": "text", "seq_e": "block", "len_e": "length"}
WIDTHS = {"seq_e": 2}
TABLE = pa.table(
    {
        "other": pa.array([[1], [], None, [2]]),
        "n": pa.array([1.5, None, float("nan"), -0.0]),
        "i": pa.array([2**53 + 1, None, -(2**62), 0]),
        "t": pa.array(["a", None, "", "é"]),
        "seq_e": pa.array(
            [[1.0, 2.0], [0.0, 0.0], [3.0, np.nan], [4.0, 5.0]], pa.list_(pa.float32(), 2)
        ),
        "len_e": pa.array([2, 0, 1, 2], pa.int32()),
    }
)


def arrays(rows, kinds=KINDS):
    return served_arrays(arrow_rows(rows, kinds, "score"), kinds, WIDTHS, "score")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "part-0.parquet"
    pq.write_table(TABLE, path)
    return read_served(path, 0, KINDS)


FORMS = {
    "table": TABLE,
    "batch": TABLE.to_batches()[0],
    "polars": pl.from_arrow(TABLE),
    "arrow pandas": TABLE.to_pandas(types_mapper=pd.ArrowDtype),
    "lists": TABLE.to_pydict(),
    "words as codes": TABLE.set_column(3, "t", TABLE["t"].dictionary_encode()),
    "large": TABLE.set_column(3, "t", TABLE["t"].cast(pa.large_string())),
    "chunks": pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]),
    "matrix": TABLE.to_pydict() | {"seq_e": np.array(TABLE["seq_e"].to_pylist(), np.float32)},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_what_is_read_of_the_feature_table(form, wanted):
    found = arrays(FORMS[form])
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
        assert found[name].dtype == values.dtype, name


def test_whole_numbers_that_pandas_made_floats_for_a_null_stay_whole():
    found = arrays(pd.DataFrame({"i": [1.0, np.nan, 3.0]}), {"i": "integer"})
    assert found["i"].tolist() == [1, NULL_WHOLE, 3]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("i", [1.5], "would have been truncated|truncated"),
        ("i", ["1"], "must hold whole numbers; got string"),
        ("i", [True], "must hold whole numbers; got bool"),
        ("i", [1e300], "must hold whole numbers"),
        ("t", [1], "must hold texts; got int64"),
        ("t", [b"a"], "must hold texts; got binary"),
        ("n", ["x"], "must hold numbers; got string"),
        ("n", [{"a": 1}], "must hold numbers; got struct"),
        ("seq_e", [[1.0]], "must hold lists of numbers"),
        ("seq_e", [None], "must hold lists of numbers"),
        ("seq_e", [["a", "b"]], "must hold lists of numbers"),
        ("seq_e", [1.0], "must hold lists of numbers"),
        ("len_e", [None], "must hold whole numbers.*1 are null"),
        ("len_e", [2**40], "must hold whole numbers"),
        ("n", {1.0}, "cannot be read as a table|must hold"),
        ("n", "12", "cannot be read as a table"),
    ],
)
def test_a_column_of_another_type_is_refused_by_its_name(column, values, said):
    one = {n: v[:1] for n, v in TABLE.to_pydict().items()}
    with pytest.raises(ConfigError, match=said) as refused:
        arrays(one | {column: values})
    assert "score" in str(refused.value)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=2),
    st.lists(st.floats(), max_size=3),
    st.dates(),
    st.decimals(),
    st.dictionaries(st.text(max_size=2), st.integers(0, 3), max_size=2),
    st.just(object()),
)


@settings(max_examples=60)
@given(
    rows=st.dictionaries(
        st.sampled_from([*KINDS, "x", ""]), st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
    )
)
def test_whatever_is_passed_is_scored_or_refused_by_an_error_of_ours(rows):
    try:
        found = arrays(rows)
    except PipelineError:
        return
    assert all(len(values) == len(found["n"]) > 0 for values in found.values())
