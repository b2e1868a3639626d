"""A stage that is added as CONTRIBUTING says is in the chain, in Airflow's DAG and in the pages."""

import json
import os
import subprocess
import sys

import pytest

from tests.contributing.recipe import apply, blocks_of, copy_of_the_tree

STAGE, DAY = "count_hours", "2026-01-02"
SETTINGS = (
    *(
        "label.known_after_days=1",
        "split.train_days=2",
        "split.gap_days=1",
        "split.test_days=1",
    ),
    *("training.epochs=1", "model.hidden=8", "evaluation.bootstrap_samples=5"),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree with the stage, nothing else edited."""
    folder = copy_of_the_tree(tmp_path_factory.mktemp("tree"))
    for block in blocks_of("Add a stage"):
        if block.kind == "python":
            apply(block, folder)
    return folder


def python(tree, *arguments):
    path = os.pathsep.join(str(tree / each) for each in (".", "plugins", "dags"))
    home = {"AIRFLOW_HOME": str(tree / "airflow"), "HOME": str(tree)}
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=os.environ | home | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


PARSED = """
import json, sys
import fraud_detection
from millrace.airflow.links import links_of
from pipelines.protocol import chain_stages, stage_named
from pipelines.protocol.stage import PARTITION
task = fraud_detection.data.get_task("count_hours")
print(json.dumps({
    "chain": [stage.name for stage in chain_stages(PARTITION)],
    "upstream": sorted(task.upstream_task_ids),
    "downstream": sorted(task.downstream_task_ids),
    "model": fraud_detection.model.has_task("count_hours"),
    "buttons": [link.name for link in task.operator_extra_links],
    "timeout_s": task.execution_timeout.total_seconds(),
    "pool": task.pool,
    "imports": sorted({"pyarrow", "numpy", "pandas", "dask"} & set(sys.modules)),
}))
"""


def test_it_is_a_task_of_the_data_dag_after_the_stage_it_needs(tree):
    parsed = python(tree, "-c", PARSED)
    assert parsed["chain"] == ["ingest", "validate", STAGE, "featurize"]
    assert (parsed["upstream"], parsed["downstream"]) == (
        ["validate"],
        ["announce_refusal", "taken_in"],
    )
    assert parsed["model"] is False
    assert parsed["buttons"] == ["Rows by hour"]
    assert (parsed["timeout_s"], parsed["pool"]) == (7200, "stages")
    assert parsed["imports"] == []


SERVED = """
import json, sys
from millrace.airflow.operator import StageOperator
from millrace.airflow.pages import find_page
from pipelines.core.store import Store
from tests.pipelines.stages.count_hours.test_count_hours import DAY, validated
store = sys.argv[1]
validated(store, [9, 9])
task = StageOperator(
    task_id="t", stage="count_hours", pipeline="fraud_detection", store=store, partition=DAY
)
result = task.execute({})
address = task.operator_extra_links[0].get_link(task, ti_key=None)
*_, pipeline, dataset, key = address.split("/")
page = find_page(Store(store), pipeline, dataset, key.replace("%3D", "="))
print(json.dumps({"result": result, "address": address, "page": page.read_text()}))
"""


def test_its_task_runs_it_and_its_button_opens_its_page(tree, tmp_path):
    served = python(tree, "-c", SERVED, str(tmp_path))
    assert served["result"]["stage"] == STAGE
    assert served["address"].endswith(f"/reports/fraud_detection/hourly_counts/ds%3D{DAY}")
    assert "<th>9<td>2" in served["page"]


@pytest.mark.slow
def test_every_chain_runs_it_on_every_day(tree, tmp_path):
    days = ["--from", "2026-01-01", "--to", "2026-01-05"]
    cli = ["-m", "pipelines"]
    simulated = [*cli, "simulate", "fraud_detection", *days, "--out", str(tmp_path / "source")]
    subprocess.run([sys.executable, *simulated, "--rows-per-day", "2000"], cwd=tree, check=True)
    where = ["--store", str(tmp_path / "store"), "--source", str(tmp_path / "source")]
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    summary = python(tree, *cli, "run", "fraud_detection", *days, *where, *settings, "--json")
    assert list(summary["stages"])[:4] == ["ingest", "validate", STAGE, "featurize"]
    assert summary["stages"][STAGE]["work"] == 5
    assert len(list((tmp_path / "store").rglob("hours.html"))) == 5
