"""What the engine promises beyond equal results: stock files, passes, bounds, custom metrics."""

import json
import logging
from pathlib import Path

import great_expectations as great
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from pipelines.gx_dask import partitions
from pipelines.gx_dask.errors import ColumnsDifferError, EngineSettingError, FilesMissingError
from pipelines.gx_dask.validation import new_context, validate_files
from tests.pipelines.gx_dask import tables
from tests.pipelines.gx_dask.same import Stock, differences, suite_of

STOCK_SUITE = """{
  "name": "saved", "id": null, "meta": {"great_expectations_version": "1.24.1"}, "notes": null,
  "expectations": [
    {"type": "expect_column_values_to_be_between", "severity": "warning", "meta": {"index": 0},
     "kwargs": {"column": "f", "min_value": -1.0, "max_value": 1.0, "mostly": 0.9}},
    {"type": "expect_column_values_to_be_unique", "severity": "critical", "meta": {"index": 1},
     "kwargs": {"column": "id"}}]
}"""


class TailValues(ColumnMapMetricProvider):
    """Looks across rows: a value is good if it is at most the greatest of all."""

    condition_metric_name = "column_values.at_most_the_greatest_but_one"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **_: object) -> pd.Series:  # noqa: N805
        return column < column.max()


class ExpectColumnValuesToBeBelowTheGreatest(ColumnMapExpectation):
    """A custom pandas expectation."""

    map_metric = "column_values.at_most_the_greatest_but_one"


def files_of(table: pa.Table, folder: Path) -> list[str]:
    return tables.write(table, folder)


def test_a_suite_saved_by_stock_great_expectations_runs_untouched(tmp_path: Path) -> None:
    paths = files_of(tables.dirty(), tmp_path)
    suite = great.ExpectationSuite(**json.loads(STOCK_SUITE))
    stock = Stock(tables.whole_frame(paths)).validate(suite, "SUMMARY")
    assert not differences(validate_files(paths, suite).result, stock)


def test_a_checkpoint_with_data_docs_runs_from_a_stored_project(tmp_path: Path) -> None:
    paths = files_of(tables.dirty(), tmp_path / "data")
    root = tmp_path / "project"
    context = great.get_context(mode="file", project_root_dir=root)
    whole = context.data_sources.add_dask("lake").add_parquet("t", paths)
    definition = whole.add_batch_definition("all")
    suite = context.suites.add(
        suite_of([("expect_column_values_to_be_unique", {"column": "id"})])
    )
    context.validation_definitions.add(
        great.ValidationDefinition(name="v", data=definition, suite=suite)
    )
    again = great.get_context(mode="file", project_root_dir=root)
    validation = again.validation_definitions.get("v")
    actions = [great.checkpoint.UpdateDataDocsAction(name="docs")]
    checkpoint = great.Checkpoint(
        name="c", validation_definitions=[validation], actions=actions
    )
    run = again.checkpoints.add(checkpoint).run()
    assert not run.success
    pages = list(root.rglob("validations/**/*.html"))
    assert "expect_column_values_to_be_unique" in "".join(p.read_text() for p in pages) or pages


def test_a_custom_condition_is_gathered_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = files_of(tables.dirty(), tmp_path)
    suite = great.ExpectationSuite(
        name="custom",
        expectations=[ExpectColumnValuesToBeBelowTheGreatest(column="k", meta={"index": 0})],
    )
    with caplog.at_level(logging.INFO, "pipelines.gx_dask"):
        ours = validate_files(paths, suite, result_format="COMPLETE")
    stock = Stock(tables.whole_frame(paths)).validate(suite, "COMPLETE")
    assert not differences(ours.result, stock)
    assert ours.gathered == {"column_values.at_most_the_greatest_but_one.condition"}
    assert "has no rule for parts, so k are gathered: 60 rows" in caplog.text


def test_a_gather_beyond_its_limit_fails_that_expectation_alone(tmp_path: Path) -> None:
    paths = files_of(tables.clean(), tmp_path)
    source = new_context().data_sources.add_dask("lake", gather_bytes=10)
    batch = source.add_parquet("t", paths).add_batch_definition("all").get_batch()
    own = ExpectColumnValuesToBeBelowTheGreatest(column="k")
    suite = great.ExpectationSuite(
        name="s", expectations=[own, gxe.ExpectColumnValuesToBeUnique(column="id")]
    )
    by_type = {r.expectation_config.type: r for r in batch.validate(suite).results}
    gathered = by_type["expect_column_values_to_be_below_the_greatest"]
    assert "gather_bytes = 10" in str(gathered.exception_info)
    assert by_type["expect_column_values_to_be_unique"].success


def test_changed_files_under_the_same_name_are_validated_anew(tmp_path: Path) -> None:
    paths = files_of(tables.clean(), tmp_path)
    asset = new_context().data_sources.add_dask("lake").add_parquet("t", paths)
    definition = asset.add_batch_definition("all")
    unique = gxe.ExpectColumnValuesToBeUnique(column="id")
    assert definition.get_batch().validate(unique).success
    files_of(tables.dirty(), tmp_path)
    assert not definition.get_batch().validate(unique).success


def test_every_failing_row_of_every_row_level_expectation_is_kept(tmp_path: Path) -> None:
    paths = files_of(tables.dirty(), tmp_path / "data")
    frame = tables.whole_frame(paths)
    entries = [
        ("expect_column_values_to_be_between", {"column": "f", "min_value": 0}),
        ("expect_column_values_to_be_unique", {"column": "k"}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["k", "s"]}),
        ("expect_column_mean_to_be_between", {"column": "f", "max_value": 0}),
        ("expect_column_values_to_be_increasing", {"column": "k"}),
    ]
    validated = validate_files(
        paths, suite_of(entries), rows_below=tmp_path / "rows", partition_rows=10
    )
    stock = Stock(frame).validate(suite_of(entries), "COMPLETE")
    wanted = {
        r.expectation_config.meta["index"]: r.result.get("unexpected_index_list")
        for r in stock.results
    }
    for index, result in enumerate(validated.result.results):
        rows = wanted[result.expectation_config.meta["index"]]
        assert validated.is_row_level(index) == (rows is not None)
        if rows is not None:
            each = [validated.failing_rows(index, p) for p in validated.layout.partitions]
            assert np.concatenate(each).tolist() == rows


def test_rows_that_were_not_kept_are_not_made_up(tmp_path: Path) -> None:
    paths = files_of(tables.clean(5), tmp_path)
    validated = validate_files(
        paths, suite_of([("expect_column_values_to_be_unique", {"column": "k"})])
    )
    with pytest.raises(EngineSettingError, match="rows_below to be given"):
        validated.failing_rows(0, validated.layout.partitions[0])


def test_a_complete_result_lists_no_more_rows_than_the_driver_may_hold(tmp_path: Path) -> None:
    paths = files_of(tables.clean(60), tmp_path)
    source = new_context().data_sources.add_dask("lake", evidence_rows=7)
    batch = (
        source.add_parquet("t", paths, partition_rows=10).add_batch_definition("a").get_batch()
    )
    all_bad = gxe.ExpectColumnValuesToBeNull(column="id")
    found = batch.validate(all_bad, result_format="COMPLETE").result
    assert found["unexpected_count"] == 60
    assert found["unexpected_index_list"] == list(range(7))
    assert "first 7 of 60" in found["unexpected_list_note"]


def test_folders_named_by_a_key_are_a_column_and_choose_a_batch(tmp_path: Path) -> None:
    table = tables.clean(30)
    for day, part in (("2026-01-01", table.slice(0, 10)), ("2026-01-02", table.slice(10))):
        (tmp_path / f"ds={day}").mkdir()
        pq.write_table(part, tmp_path / f"ds={day}" / "part-0.parquet")
    asset = (
        new_context().data_sources.add_dask("lake").add_partitioned_parquet("t", str(tmp_path))
    )
    definition = asset.add_batch_definition("all")
    in_set = gxe.ExpectColumnValuesToBeInSet(column="ds", value_set=["2026-01-01"])
    assert definition.get_batch().validate(in_set).result["unexpected_count"] == 20
    day = definition.get_batch({"ds": "2026-01-01"})
    assert day.validate(in_set).success
    assert day.validate(gxe.ExpectTableRowCountToEqual(value=10)).success
    with pytest.raises(FilesMissingError, match="none of its 2 files"):
        definition.get_batch({"ds": "2026-01-09"})


def test_files_with_other_columns_are_refused_by_name(tmp_path: Path) -> None:
    paths = files_of(tables.clean(9), tmp_path)
    pq.write_table(tables.clean(3).drop_columns(["s"]), paths[-1])
    with pytest.raises(
        ColumnsDifferError, match=r"part-3\.parquet.*s: missing instead of string"
    ):
        partitions.lay_out(paths)


def test_whole_numbers_keep_their_digits_where_that_is_asked_for(tmp_path: Path) -> None:
    big = 2**53
    pq.write_table(pa.table({"id": [big, big + 1, None]}), tmp_path / "t.parquet")
    entries = [("expect_column_values_to_be_unique", {"column": "id"})]
    assert not validate_files([tmp_path], suite_of(entries)).result.success
    assert validate_files([tmp_path], suite_of(entries), exact=True).result.success


def test_a_large_file_is_cut_into_groups_of_its_row_groups(tmp_path: Path) -> None:
    pq.write_table(tables.clean(100), tmp_path / "t.parquet", row_group_size=10)
    layout = partitions.lay_out([str(tmp_path / "t.parquet")], partition_rows=35)
    assert [p.rows for p in layout.partitions] == [30, 30, 30, 10]
    assert [p.offset for p in layout.partitions] == [0, 30, 60, 90]


def test_files_behind_a_protocol_are_read_through_it() -> None:
    import fsspec

    with fsspec.open("memory://lake/t.parquet", "wb") as file:
        pq.write_table(tables.clean(20), file)
    entries = [("expect_column_values_to_be_unique", {"column": "id"})]
    assert validate_files(["memory://lake"], suite_of(entries)).result.success
