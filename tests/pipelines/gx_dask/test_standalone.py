"""The engine by itself: nothing of the tree around it can be imported, and it works."""

import re
import subprocess
import sys
from pathlib import Path

import dask
import great_expectations.expectations as gxe
import pytest
from dask.delayed import delayed
from great_expectations import ExpectationSuite

from pipelines import gx_dask
from pipelines.gx_dask import current_runner
from pipelines.gx_dask.current_runner import runner_for
from pipelines.gx_dask.errors import EngineSettingError, RunnerUnavailableError
from pipelines.gx_dask.runners import ClientRunner, RunnerSettings, ThreadRunner, open_runner
from pipelines.gx_dask.validation import new_context
from tests.pipelines.gx_dask import tables
from tests.pipelines.gx_dask.same import Stock, differences, suite_of

README = Path(gx_dask.__file__).with_name("README.md")
ROOT = Path(__file__).resolve().parents[3]
# Only the package itself, and the empty one that it is in, can be imported.
ALONE = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        rooms = name.split(".")
        if rooms[0] in ("millrace", "airflow") or rooms[:1] == ["pipelines"] and rooms[1:2] not in ([], ["gx_dask"]):
            raise ImportError(f"{name} is not part of the package")

sys.meta_path.insert(0, Blocker())
"""
COMPARED = """
stock = context.data_sources.add_pandas("stock").add_dataframe_asset("frame")
whole = stock.add_batch_definition_whole_dataframe("whole")
frame = pd.concat([pd.read_parquet(f) for f in sorted(Path("transactions").iterdir())], ignore_index=True)
theirs = whole.get_batch({"dataframe": frame}).validate(suite)
(ours,) = result.run_results.values()

def plain(results):
    return {r.expectation_config.type: (r.success, r.to_json_dict()["result"]) for r in results}

assert plain(ours.results) == plain(theirs.results), (plain(ours.results), plain(theirs.results))
assert len(ours.results) == 3
print("the same as stock")
"""


def examples() -> list[str]:
    """The README's Python, but for the class of the part on extending."""
    found = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return [text for text in found if "class " not in text]


def test_the_readme_runs_as_it_stands_where_no_other_room_can_be_imported(
    tmp_path: Path,
) -> None:
    quick_start, one_call = examples()
    code = "\n".join([ALONE, quick_start, COMPARED, "suite.name = 'again'", one_call])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "the same as stock" in done.stdout
    assert done.stdout.count("part-3.parquet") == 2  # two of the three are about rows


def test_any_object_that_runs_tasks_is_a_runner(tmp_path: Path) -> None:
    class Counting(ThreadRunner):
        passes = 0

        def run(self, tasks: list) -> list:
            self.passes += 1
            return super().run(tasks)

    paths, counting = tables.write(tables.dirty(), tmp_path), Counting(1)
    entries = [
        ("expect_column_values_to_be_unique", {"column": "k"}),
        ("expect_column_values_to_be_increasing", {"column": "k"}),
        ("expect_column_median_to_be_between", {"column": "f", "max_value": 0}),
        ("expect_column_mean_to_be_between", {"column": "f", "max_value": 0}),
    ]
    found = gx_dask.validate_files(paths, suite_of(entries), runner=counting)
    stock = Stock(tables.whole_frame(paths)).validate(suite_of(entries), "SUMMARY")
    assert not differences(found.result, stock)
    assert counting.passes == 3  # two levels of metrics, of which one asks twice


def test_a_client_of_dask_is_a_runner(tmp_path: Path) -> None:
    from distributed import Client

    paths = tables.write(tables.clean(30), tmp_path)
    suite = ExpectationSuite(
        name="s", expectations=[gxe.ExpectColumnValuesToBeUnique(column="s")]
    )
    with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
        runner = ClientRunner(client)
        assert runner.workers == 1
        tasks = [delayed(pow)(n, 2) for n in range(5)]
        assert runner.run(tasks) == [0, 1, 4, 9, 16]
        with gx_dask.use_runner(runner):
            there = gx_dask.validate_files(paths, suite)
    here = gx_dask.validate_files(paths, suite)
    assert not differences_of(there.result, here.result)


def differences_of(left: object, right: object) -> bool:
    each = [[(r.success, r.to_json_dict()["result"]) for r in x.results] for x in (left, right)]
    return each[0] != each[1]


def test_what_runs_no_tasks_is_no_runner() -> None:
    with (
        pytest.raises(
            EngineSettingError, match=r"int is not a runner\. Expected an object with"
        ),
        gx_dask.use_runner(5),  # type: ignore[arg-type]
    ):
        pass


def test_a_runner_is_opened_once_for_tables_of_the_same_kind() -> None:
    settings = RunnerSettings(workers=1, in_process_below_rows=100)
    assert runner_for(5, settings) is runner_for(99, settings)
    assert runner_for(5, settings) is not runner_for(5, RunnerSettings(workers=2))


@pytest.mark.parametrize(
    ("of_source", "of_asset", "message"),
    [
        ({"workers": -1}, {}, "workers must be a whole number, 0 or more; got -1"),
        ({"in_process_below_rows": -5}, {}, "in_process_below_rows must be"),
        ({"evidence_rows": -1}, {}, "evidence_rows must be a whole number, 0 or more"),
        ({"gather_bytes": -1}, {}, "gather_bytes must be a whole number, 0 or more"),
        ({}, {"partition_rows": 0}, "partition_rows must be a whole number, 1 or more; got 0"),
        (
            {},
            {"partition_row": 5},
            r"no option 'partition_row'\. Expected hive, exact or partition_rows",
        ),
        ({}, {"paths": []}, "t: got no paths; expected at least one"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    of_source: dict, of_asset: dict, message: str, tmp_path: Path
) -> None:
    options = {"paths": tables.write(tables.clean(5), tmp_path)} | of_asset
    source = new_context().data_sources.add_dask("lake", **of_source)
    with pytest.raises(EngineSettingError, match=message):
        source.add_parquet("t", **options).add_batch_definition("all").get_batch()


def test_a_scheduler_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another test of this process may have registered an opener of its own.
    monkeypatch.setattr(current_runner, "_openers", [open_runner])
    paths = tables.write(tables.clean(5), tmp_path)
    source = new_context().data_sources.add_dask("lake", scheduler="tcp://127.0.0.1:9")
    batch = source.add_parquet("t", paths).add_batch_definition("all").get_batch()
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(RunnerUnavailableError, match=r"scheduler tcp://127\.0\.0\.1:9 does not"),
    ):
        batch.validate(gxe.ExpectColumnValuesToBeUnique(column="id"))


@pytest.mark.slow
def test_a_table_above_the_limit_is_validated_by_worker_processes(tmp_path: Path) -> None:
    paths = tables.write(tables.clean(30), tmp_path)
    suite = suite_of([("expect_column_values_to_be_unique", {"column": "s"})])
    with open_runner(0, RunnerSettings(workers=2, in_process_below_rows=0)) as runner:
        assert isinstance(runner, ClientRunner)
        assert runner.workers == 2
        there = gx_dask.validate_files(paths, suite, runner=runner)
    assert not differences_of(there.result, gx_dask.validate_files(paths, suite).result)
