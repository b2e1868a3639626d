"""Columns of ours beside columns of the user's, whatever those are called."""

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import DeclarationError
from pipelines.core.store import Ref, Store
from pipelines.drivers import scaffold
from pipelines.shared.expectations.quarantined import lines_of, quarantined_days
from pipelines.spec import Column
from pipelines.spec.checks import require_valid
from pipelines.stages.evaluate.scores import own_name, read_scores, scores_table, write_scores
from tests.pipelines.shared.tables.made import DAY, done, write_source

TEMPLATE = Path(scaffold.__file__).with_name("templates") / "declaration.txt"
OURS = ("rule", "value", "expectation", "partition", "run", "row", "run_id")
OF_HISTORY = ("entity", "time_s", "position", "known_day", "until_day", "row_id")


def scaffolded(*more):
    """What ``new`` writes, with more columns of whole numbers."""
    space = {}
    exec(TEMPLATE.read_text().replace("PIPELINE_NAME", "made"), space)
    pipeline = space["PIPELINE"]
    own = pipeline.table.column_names()
    extra = tuple(Column(name, "integer", nullable=True) for name in more if name not in own)
    table = replace(pipeline.table, columns=(*pipeline.table.columns, *extra))
    gate = replace(pipeline.validation, max_quarantined_share=0.5)
    return require_valid(replace(pipeline, tables=(table,), validation=gate))


def validated_day(folder, pipeline, *, bad=True):
    """A day of 60 rows; of two the value is negative or the label no label."""
    values, labels = np.arange(60) * 1.5, np.arange(60) % 2
    if bad:
        values[7], labels[9] = -2.5, 3
    columns = {
        "event_id": np.arange(60),
        "event_time": np.datetime64(DAY, "us") + np.arange(60) * np.timedelta64(600, "s"),
        "entity_id": np.arange(60) % 7,
        "value": values,
        "label": labels,
    }
    extra = [name for name in pipeline.table.column_names() if name not in columns]
    columns |= {name: np.arange(60) + 1000 * (n + 1) for n, name in enumerate(extra)}
    write_source(folder / "source", pa.table(columns))
    done("ingest", folder / "store", folder / "source", pipeline)
    return done("validate", folder / "store", None, pipeline)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    folder = tmp_path_factory.mktemp("day")
    pipeline = scaffolded(*OURS)
    assert validated_day(folder, pipeline)["rows"] == 58
    manifest = quarantined_days(Store(str(folder / "store")), "made")[0]
    return pipeline, folder / "store", manifest.file


def read_by_pandas(file):
    return pd.read_parquet(file).to_dict("records")


def read_by_polars(file):
    return pl.read_parquet(file).to_dicts()


def read_by_duckdb(file):
    return duckdb.read_parquet(str(file)).to_arrow_table().to_pylist()


@pytest.mark.parametrize("read", [read_by_pandas, read_by_polars, read_by_duckdb])
def test_the_quarantine_of_a_scaffolded_table_is_read_and_each_row_keeps_its_own_values(
    day, read
):
    pipeline, _, file = day
    negative, label = read(file)
    assert (negative["_rule"], negative["_value"], negative["value"]) == (
        "value.range", "-2.5", -2.5,
    )  # fmt: skip
    # Another column's rule failed: the row's own value is still there.
    assert (label["_rule"], label["_value"], label["value"]) == ("label.values", "3", 13.5)
    for line, row in ((negative, 7), (label, 9)):
        assert line["_row"] == row
        assert line["_partition"] == DAY
        assert line["_run"].startswith("run-")
        extra = pipeline.table.column_names()[5:]
        assert [line[name] for name in extra] == [
            row + 1000 * (n + 1) for n in range(len(extra))
        ]


def test_quarantined_rows_are_shown_with_their_own_value_and_the_rules(day):
    pipeline, store, _ = day
    lines = lines_of(quarantined_days(Store(str(store)), "made"), pipeline, "label.values", 9)
    assert [(line["value"], line["_value"], line["run"]) for line in lines] == [
        (13.5, "3", 4009)
    ]


@pytest.mark.parametrize("name", ["_rule", "_value", "_row", "_entity", "_x"])
def test_no_declared_column_may_enter_our_namespace(name):
    with pytest.raises(
        DeclarationError, match=r"names that start with _ are reserved for Millrace"
    ):
        scaffolded(name)


def test_columns_named_as_a_history_names_its_own_change_no_feature(tmp_path):
    found = []
    for folder, more in ((tmp_path / "a", ()), (tmp_path / "b", OF_HISTORY)):
        pipeline = scaffolded(*more)
        validated_day(folder, pipeline, bad=False)
        done("featurize", folder / "store", None, pipeline)
        store = Store(str(folder / "store"))
        manifest = store.find(Ref("made", "features", f"ds={DAY}"))
        found.append(pq.read_table(store.open(manifest) / "part-0.parquet"))
    assert found[0].equals(found[1])


def test_scores_stand_beside_a_key_of_the_same_name(tmp_path):
    keys = pa.table({"score": [7, 8], "day": ["x", "y"]})
    columns = {"score": pa.array([0.5, 0.25]), "label": pa.array([0, 1])}
    write_scores(scores_table(keys, columns), tmp_path)
    table = pq.read_table(tmp_path / "scores.parquet")
    assert table.column_names == ["score", "day", "_score", "label"]
    assert table["score"].to_pylist() == [7, 8]
    assert own_name("counted", ["score"]) == "counted"
    read = read_scores(tmp_path / "scores.parquet", ("score", "label", "counted"))
    assert {name: values.tolist() for name, values in read.items()} == {
        "score": [0.5, 0.25],
        "label": [0, 1],
    }
