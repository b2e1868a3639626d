"""Run Great Expectations' own integration tests against our execution engine.

Why: Great Expectations' own tests are the specification of its expectations.
Promise: the tests are those of the source distribution of the locked version, downloaded from the
    package index under the locked hash and not kept. Its pandas data source is replaced: the
    test's frame is written as Parquet, in two files, and read through ``add_dask``. Tests that
    fail are exactly those of ``NOT_IN_PARQUET``, or this fails.

    python infra/great_expectations_tests.py [--stock] [options of pytest]

With ``--stock`` the stock pandas engine validates the same files, read by ``pandas.read_parquet``:
it must fail in the same tests.

This file is also the plugin that pytest loads with those tests.
"""

import locale
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "great-expectations"
FOLDER = "tests/integration/data_sources_and_expectations"
# They fail on the stock engine too, once the frame is written as Parquet (``--stock``).
TEXTS = "Parquet returns a column of texts, where the frame had a column of objects"
NULLS = "Parquet has one null, where the frame had distinct NaN and None"
NOT_IN_PARQUET = {
    "test_expect_column_type_to_be::test_success_object_dtype[pandas-data-frame]": TEXTS,
    "test_expect_column_type_to_be::test_str_does_not_match_object_dtype[pandas-data-frame]": TEXTS,
    "test_expect_column_type_to_be"
    "::test_column_name_is_resolved_case_insensitively[pandas-data-frame]": TEXTS,
    "test_expect_column_values_to_be_in_type_list"
    "::test_success[pandas-data-frame-string_types]": TEXTS,
    "test_expect_column_values_to_be_in_type_list"
    "::test_include_unexpected_rows_pandas[pandas-data-frame]": TEXTS,
    "test_expect_column_values_to_be_of_type"
    "::test_success_types[pandas-data-frame-expectation1]": TEXTS,
    "test_expect_column_values_to_be_of_type"
    "::test_include_unexpected_rows_pandas[pandas-data-frame]": TEXTS,
    "test_expect_column_values_to_not_be_null"
    "::test_failure_pandas_dataframe[pandas-data-frame]": NULLS,
}
STOCK = "MILLRACE_TESTS_ON_STOCK"


def locked(name: str) -> str:
    """The line of the lock that pins a package, with its hashes."""
    text = (ROOT / "requirements.txt").read_text()
    found = re.search(rf"^{name}==.*(?:\n    --hash=.*)+", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"requirements.txt does not pin {name}. Run `make lock`.")
    return found[0]


def unpack_tests(folder: Path) -> None:
    """Download the locked source distribution; pip checks it against the lock's hashes."""
    wanted = folder / "wanted.txt"
    wanted.write_text(locked(PACKAGE) + "\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    options = ["--no-deps", "--no-binary", ":all:", "--require-hashes"]
    command = [*pip, *options, "--dest", str(folder), "--requirement", str(wanted)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(
            f"{locked(PACKAGE).split()[0]}: its source distribution could not be fetched. "
            f"Expected a package index that has it. See pip's message above."
        )
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        top = files.getnames()[0].split("/", 1)[0]
        files.extractall(folder, filter="data")
    # Only the tests: the library is the installed one.
    (folder / top / "tests").rename(folder / "tests")


def main(options: list[str]) -> int:
    """Run them; return pytest's exit code."""
    on_stock = "--stock" in options
    options = [option for option in options if option != "--stock"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack_tests(folder)
        paths = os.pathsep.join([name, str(Path(__file__).parent), str(ROOT)])
        plugins = ["-p", Path(__file__).stem, "-p", "no:cacheprovider"]
        pytest_at = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", name]
        command = [*pytest_at, *plugins, "-q", "-W", "ignore", FOLDER, *options]
        environment = {**os.environ, "PYTHONPATH": paths, STOCK: str(on_stock)}
        return subprocess.run(command, cwd=name, env=environment, check=False).returncode


def pytest_load_initial_conftests() -> None:
    """Let their conftest set a locale that few containers have."""
    stock = locale.setlocale

    def lenient(category: int, wanted: Any = None) -> str:
        try:
            return stock(category, wanted)
        except locale.Error:
            return stock(category, "C.UTF-8")

    locale.setlocale = lenient  # type: ignore[assignment]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests on the pandas data source; mark those that Parquet cannot pass."""
    from tests.integration.test_utils.data_source_config import (
        PandasDataFrameDatasourceTestConfig,
    )

    def on_pandas(item: Any) -> bool:
        setup = getattr(item, "callspec", None) and item.callspec.params.get(
            "_batch_setup_for_datasource"
        )
        return isinstance(
            getattr(setup, "data_source_config", None), PandasDataFrameDatasourceTestConfig
        )

    kept = [item for item in items if on_pandas(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    for item in kept:
        reason = NOT_IN_PARQUET.get(f"{item.path.stem}::{item.name}")
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture(autouse=True, scope="session")
def _parquet(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the pandas data source's tests a batch of Parquet files on our engine."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from tests.integration.test_utils.data_source_config import pandas_data_frame

    import pipelines.gx_dask  # noqa: F401 registers add_dask

    root = tmp_path_factory.mktemp("tables")

    def make_batch(self: Any) -> Any:
        folder = root / uuid.uuid4().hex
        folder.mkdir()
        table = pa.Table.from_pandas(self.data, preserve_index=False)
        half = max(table.num_rows // 2, 1)
        pq.write_table(table.slice(0, half), folder / "0.parquet")
        pq.write_table(table.slice(half), folder / "1.parquet")
        name = self._random_resource_name()
        if os.environ[STOCK] == str(True):
            stock = self.context.data_sources.add_pandas(name).add_dataframe_asset(name)
            whole = stock.add_batch_definition_whole_dataframe(name)
            return whole.get_batch({"dataframe": pd.read_parquet(folder)})
        ours = self.context.data_sources.add_dask(name).add_parquet(name, str(folder))
        return ours.add_batch_definition(name).get_batch()

    pandas_data_frame.PandasDataFrameBatchTestSetup.make_batch = make_batch


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
