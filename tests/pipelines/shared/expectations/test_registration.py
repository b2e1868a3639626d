"""What makes Great Expectations know our data source and expectations, and at what cost."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import (
    ConfigError,
    PermanentError,
    PipelineError,
    SchemaError,
    SourceNotReadyError,
    SourceUnreadableError,
    TransientError,
)
from pipelines.gx_dask.errors import (
    ColumnsDifferError,
    EngineError,
    EngineSettingError,
    FileDamagedError,
    FilesMissingError,
    RunnerUnavailableError,
)
from pipelines.shared.expectations import register
from pipelines.shared.expectations.engine import evaluate
from pipelines.shared.expectations.registration import SORTED, our_errors
from pipelines.shared.expectations.rules import CheckedRule

RULES = [CheckedRule("id.not_null", "expect_column_values_to_not_be_null", {"column": "id"})]


def test_importing_the_package_and_the_stages_imports_nothing_heavy_and_hooks_nothing() -> None:
    code = (
        "import sys\n"
        "hooks = list(sys.meta_path)\n"
        "import pipelines.shared.expectations, pipelines.shared.expectations.rules\n"
        "import pipelines.stages.validate.stage, pipelines.stages.validate_window.stage\n"
        "heavy = {'great_expectations', 'dask', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert sys.meta_path == hooks, sys.meta_path\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_registering_makes_the_data_source_and_our_expectations_known() -> None:
    import great_expectations
    from great_expectations.expectations import registry

    for _ in range(2):
        register()
    context = great_expectations.get_context(mode="ephemeral")
    assert callable(context.data_sources.add_dask)
    known = registry.list_registered_expectation_implementations()
    assert "expect_column_values_to_have_decimals" in known
    assert "expect_column_values_to_be_new" in known


@pytest.mark.parametrize(
    ("engines", "ours", "retried"),
    [
        (FilesMissingError, SourceNotReadyError, True),
        (FileDamagedError, SourceUnreadableError, False),
        (ColumnsDifferError, SchemaError, False),
        (EngineSettingError, ConfigError, False),
        (RunnerUnavailableError, TransientError, True),
    ],
)
def test_each_error_of_the_engine_becomes_the_one_that_says_whether_a_retry_helps(
    engines: type[EngineError], ours: type[PipelineError], retried: bool
) -> None:
    with pytest.raises(ours, match="part-0: what happened") as found, our_errors():
        raise engines("part-0: what happened")
    assert isinstance(found.value, TransientError if retried else PermanentError)


def test_every_error_of_the_engine_is_sorted() -> None:
    assert set(EngineError.__subclasses__()) == set(SORTED)


def test_files_that_cannot_be_validated_raise_our_errors(tmp_path: Path) -> None:
    good, other = tmp_path / "0.parquet", tmp_path / "1.parquet"
    pq.write_table(pa.table({"id": [1, 2]}), good)
    with pytest.raises(SourceNotReadyError, match=r"1\.parquet: no Parquet file there"):
        evaluate(RULES, [good, other], tmp_path / "rows")
    other.write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceUnreadableError, match=r"1\.parquet: cannot be read as Parquet"):
        evaluate(RULES, [good, other], tmp_path / "rows")
    pq.write_table(pa.table({"other": [1, 2]}), other)
    with pytest.raises(SchemaError, match=r"id: missing instead of int64"):
        evaluate(RULES, [good, other], tmp_path / "rows")
