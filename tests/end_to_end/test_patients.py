"""Longitudinal records to a verdict: real patients where they are at hand, else simulated ones."""

import importlib.util
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import millrace

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/examples/nafld"
TABLES = ROOT.parent / "shared/data/nafld"
QUICK = {
    "training.epochs": 20,
    "training.threads": 1,
    "model.members": 1,
    "model.hidden": [32],
    "evaluation.bootstrap_samples": 20,
}
PATIENTS = 2_500
# A year of records, three years of follow-up: five partitions of events.
SHORTER = {
    "EARLIEST": '"1999-01-01"',
    "LIFETIME, HORIZON_DAYS, REPORTED_DAYS": "730, 1_095, 1_095",
    "CUTS": "(183, 365, 548, 731, 913, 1_095)",
}


def convert():
    """The example's own way from tables to a MEDS dataset."""
    spec = importlib.util.spec_from_file_location("convert", EXAMPLE / "convert.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.convert


def few_patients(tables, out):
    """The tables of the first patients, from a year before they entered."""
    out.mkdir()
    for number in (1, 2, 3):
        rows = pq.read_table(tables / f"nafld{number}.parquet")
        keep = pc.less_equal(rows["id"], PATIENTS)
        if number > 1:
            keep = pc.and_(keep, pc.greater(rows["days"], -365))
        pq.write_table(rows.filter(keep), out / f"nafld{number}.parquet")


@pytest.fixture
def nafld(tmp_path, monkeypatch):
    """The source of few patients, beside a declaration whose records begin a year before their entry."""
    few_patients(TABLES, tmp_path / "tables")
    convert()(tmp_path / "tables", tmp_path / "meds")
    shutil.copytree(
        EXAMPLE, tmp_path / "pipelines", ignore=shutil.ignore_patterns("__pycache__")
    )
    common = tmp_path / "pipelines" / "_nafld.py"
    text = common.read_text()
    for name, value in SHORTER.items():
        text, found = re.subn(f"(?m)^{name} = .*$", f"{name} = {value}", text)
        assert found == 1
    common.write_text(text)
    monkeypatch.setenv("MILLRACE_PIPELINES", str(tmp_path / "pipelines"))
    return tmp_path / "meds"


@pytest.mark.skipif(not TABLES.exists(), reason="the NAFLD tables are not beside the project")
def test_real_patients_are_landmarks_with_follow_up_and_the_gate_finds_what_is_wrong(
    nafld, tmp_path
):
    pipeline = millrace.pipeline("nafld_death", QUICK)
    found = millrace.run(
        pipeline,
        tmp_path / "store",
        source=nafld,
        from_="2000-01-01",
        to="2000-12-31",
        as_of="2004-01-01",
        options={"track": False},
    )
    subjects = pq.read_table(tmp_path / "tables" / "nafld1.parquet")
    followed = int(np.sum(subjects["futime"].to_numpy() > 365))
    assert found["stages"]["cohort"]["rows"] >= followed
    index = millrace.open_store(tmp_path / "store").dataset("nafld_death", "training_set")
    y = [index.to_numpy(part)["y"] for part in ("train", "test")]
    assert sum(map(len, y)) == followed
    assert {"code.repeated", "repeat.range"} <= set(found["quarantined"])
    assert found["metrics"]["concordance"] > 0.7
    assert found["verdict"] in {"BETTER", "NOT_BETTER", "REJECTED"}


@pytest.mark.skipif(TABLES.exists(), reason="real patients are tested instead")
def test_simulated_patients_end_in_a_verdict(tmp_path):
    from pipelines.spec.simulation import simulation_of

    simulation_of("disease_progression").simulate_source(
        "2010-01-01", "2025-12-31", tmp_path / "source", size=1_500, seed=3
    )
    found = millrace.run(
        millrace.pipeline("disease_progression", QUICK),
        tmp_path / "store",
        source=tmp_path / "source",
        from_="2013-01-01",
        to="2025-12-31",
        options={"track": False},
    )
    assert found["metrics"]["concordance"] > 0.6
    assert found["verdict"] in {"BETTER", "NOT_BETTER", "REJECTED"}
