"""What is not bad data must not look like it: lost workers, damaged files, invalid text."""

from pathlib import Path
from typing import Any

import great_expectations as great
import great_expectations.expectations as gxe
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import WorkerLostError
from pipelines.gx_dask.errors import (
    ColumnsDifferError,
    EngineSettingError,
    FileDamagedError,
    FilesMissingError,
)
from pipelines.gx_dask.files import list_files
from pipelines.gx_dask.partitions import lay_out
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.validation import new_context, validate_files
from pipelines.shared.compute import ComputeSettings, open_compute
from tests.pipelines.gx_dask import tables
from tests.pipelines.gx_dask.deadly import ExpectColumnValuesToBeDeadly

PROCESSES = ComputeSettings(workers=1, in_process_below_rows=0)


def deadly_suite(flag: Path) -> Any:
    return great.ExpectationSuite(
        name="deadly",
        expectations=[
            ExpectColumnValuesToBeDeadly(column="id", flag=str(flag)),
            gxe.ExpectColumnValuesToBeBetween(column="k", max_value=1),
        ],
    )


def damage(path: str) -> None:
    """Flip bytes of the first column's pages, and leave the footer."""
    data = bytearray(Path(path).read_bytes())
    data[8:40] = bytes(255 - byte for byte in data[8:40])
    Path(path).write_bytes(data)


def test_a_worker_killed_while_it_validates_is_an_error_and_the_next_try_ends_right(
    tmp_path: Path,
) -> None:
    paths, flag = tables.write(tables.clean(30), tmp_path / "data"), tmp_path / "flag"
    flag.write_text("2")  # a cluster allows a task one dead worker
    rows = tmp_path / "rows"
    with open_compute(0, PROCESSES) as compute:
        with pytest.raises(WorkerLostError, match="Workers died"):
            validate_files(paths, deadly_suite(flag), runner=compute, rows_below=rows)
        again = validate_files(paths, deadly_suite(flag), runner=compute, rows_below=rows)
    here = validate_files(paths, deadly_suite(flag), rows_below=tmp_path / "here")
    assert flag.read_text() == "0"
    assert [r.success for r in again.result.results] == [r.success for r in here.result.results]
    for index in range(2):
        kept = [
            [validated.failing_rows(index, p).tolist() for p in validated.layout.partitions]
            for validated in (again, here)
        ]
        assert kept[0] == kept[1]


@pytest.mark.slow
def test_a_worker_killed_once_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    paths, flag = tables.write(tables.clean(30), tmp_path / "data"), tmp_path / "flag"
    flag.write_text("1")
    with open_compute(0, ComputeSettings(workers=2, in_process_below_rows=0)) as compute:
        found = validate_files(paths, deadly_suite(flag), runner=compute).result
    assert flag.read_text() == "0"
    assert found.results[0].success
    assert found.results[0].result["element_count"] == 30


def test_a_damaged_file_is_named_and_is_no_failed_expectation(tmp_path: Path) -> None:
    paths = tables.write(tables.clean(30), tmp_path)
    damage(paths[2])
    suite = great.ExpectationSuite(
        name="s", expectations=[gxe.ExpectColumnValuesToNotBeNull(column="id")]
    )
    with pytest.raises(FileDamagedError, match=r"part-2\.parquet: cannot be read as Parquet"):
        validate_files(paths, suite)
    tables.write(tables.clean(30), tmp_path)
    assert validate_files(paths, suite).result.success


def test_a_checkpoint_raises_the_error_of_a_damaged_file(tmp_path: Path) -> None:
    paths = tables.write(tables.clean(30), tmp_path)
    damage(paths[0])
    context = new_context()
    asset = context.data_sources.add_dask("lake").add_parquet("t", paths)
    suite = context.suites.add(
        great.ExpectationSuite(
            name="s", expectations=[gxe.ExpectColumnValuesToBeUnique(column="id")]
        )
    )
    definition = great.ValidationDefinition(
        name="v", data=asset.add_batch_definition("all"), suite=suite
    )
    checkpoint = great.Checkpoint(
        name="c", validation_definitions=[context.validation_definitions.add(definition)]
    )
    with pytest.raises(FileDamagedError, match=r"part-0\.parquet"):
        context.checkpoints.add(checkpoint).run()


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    paths = tables.write(tables.clean(30), tmp_path)
    whole = Path(paths[0]).read_bytes()
    Path(paths[0]).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileDamagedError, match=r"part-0\.parquet.*magic bytes"):
        lay_out(paths)


def test_a_file_that_went_away_may_come_back(tmp_path: Path) -> None:
    paths = tables.write(tables.clean(30), tmp_path)
    layout = lay_out(paths)
    Path(paths[0]).unlink()
    with pytest.raises(FilesMissingError, match=r"part-0\.parquet: the file is gone"):
        Rows(layout, layout.partitions).read(["id"])


def test_invalid_text_in_one_file_fails_the_expectations_on_it_alone(tmp_path: Path) -> None:
    paths = tables.write(tables.clean(30), tmp_path)
    last = pq.read_table(paths[-1])
    bad = pa.array([b"\xff\xfe"] * len(last)).cast(pa.binary()).view(pa.string())
    index = last.schema.get_field_index("w")
    pq.write_table(last.set_column(index, "w", bad), paths[-1])
    suite = great.ExpectationSuite(
        name="s",
        expectations=[
            gxe.ExpectColumnValuesToMatchRegex(column="w", regex="a"),
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            gxe.ExpectColumnMaxToBeBetween(column="id", max_value=100),
        ],
    )
    results = {
        r.expectation_config.type: r for r in validate_files(paths, suite).result.results
    }
    invalid = results.pop("expect_column_values_to_match_regex")
    assert not invalid.success
    assert "utf" in str(invalid.exception_info).lower()
    assert all(result.success for result in results.values())


def test_two_columns_of_one_name_are_refused_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "k=1" / "part.parquet"
    file.parent.mkdir()
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), file)
    with pytest.raises(ColumnsDifferError, match=r"part.parquet: more than one .* named a\."):
        lay_out([str(file)])
    pq.write_table(pa.table({"k": [1]}), file)
    with pytest.raises(ColumnsDifferError, match="named k"):
        lay_out([str(file)], hive=True)


def test_an_empty_path_is_not_the_working_directory() -> None:
    with pytest.raises(EngineSettingError, match="got an empty path"):
        list_files("")
