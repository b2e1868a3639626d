"""The example DAG of another team: it knows an asset's name and its events, and nothing of Millrace."""

import ast
import importlib.util
from pathlib import Path
from types import SimpleNamespace

from millrace.airflow.assets import assets
from millrace.airflow.news import news_of_partitions
from pipelines.spec import load
from tests.pipelines.made_models import publish, work_on

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs/examples/dags/on_good_days.py"
PIPELINE = load("fraud_detection")


def loaded():
    spec = importlib.util.spec_from_file_location("on_good_days", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_imports_airflow_and_the_standard_library_alone():
    nodes = ast.walk(ast.parse(FILE.read_text()))
    imported = {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported == {"airflow", "pathlib", "urllib"}


def test_its_asset_is_that_of_the_good_partitions():
    assert assets(PIPELINE)["good_partitions"] == loaded().GOOD_DAYS


def test_it_takes_over_the_files_that_the_event_names(tmp_path):
    metrics = {"rows_in": 4.0, "rows_quarantined": 1.0}
    stage, work = work_on("validate", tmp_path / "a store", pipeline=PIPELINE)
    made = publish(
        tmp_path / "a store",
        "validate",
        work.on("2026-01-05"),
        lambda out: (out / "part-0.parquet").write_bytes(b""),
        outcome={"rows": 3, "verdict": "accepted", "metrics": metrics},
    )
    _, news = news_of_partitions(stage, work, ["2026-01-05"])
    module = loaded()
    dag = module.sales_by_day()
    event = SimpleNamespace(extra=dict(news.facts))
    found = dag.get_task("take_over").python_callable(
        triggering_asset_events={module.GOOD_DAYS: [event]}, partition_key="2026-01-05"
    )
    assert found == {
        "day": "2026-01-05",
        "rows": 3,
        "quarantined_share": 0.25,
        "digest": made.digest,
        "files": ["part-0.parquet"],
    }


def test_the_page_of_assets_names_each_one():
    page = (ROOT / "docs/assets.md").read_text()
    for asset in assets(PIPELINE).values():
        ending = asset.name.removeprefix(PIPELINE.name)
        assert f"`<pipeline>{ending}`" in page, ending
