"""Yearly exams, and a static table of the patients."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from pipelines.core.store import Ref, Store

PATIENTS = 250
YEARS = range(2001, 2013)


def write_sources(root):
    """An exam a year of most patients; the old, and men, fall ill."""
    rng = np.random.default_rng(0)
    root.mkdir()
    born = rng.integers(1920, 1975, PATIENTS)
    sex = rng.choice(["m", "f", ""], PATIENTS, p=[0.5, 0.45, 0.05])
    who = pa.table({"patient": np.arange(PATIENTS), "born": born, "sex": sex})
    arrow_csv.write_csv(who, root / "patients.csv")
    exams = []
    for year in YEARS:
        patient = np.flatnonzero(rng.random(PATIENTS) < 0.9)
        odds = np.exp((year - born[patient] - 55) / 8 + 1.5 * (sex[patient] == "m") - 1)
        ill = rng.random(len(patient)) < odds / (1 + odds)
        day = np.datetime64(f"{year}-01-01", "s") + rng.integers(0, 365, len(patient)) * 86_400
        exams.append(
            {
                "patient": patient,
                "examined": day,
                "systolic": rng.normal(130, 15, len(patient)).round(),
                "ill": np.where(ill, "yes", "no"),
            }
        )
    table = pa.table({name: np.concatenate([e[name] for e in exams]) for name in exams[0]})
    arrow_csv.write_csv(table.take(pa.array(rng.permutation(len(table)))), root / "exams.csv")
    return born


@pytest.mark.slow
def test_yearly_exams_with_attributes_of_patients_end_in_a_verdict(run_pipeline, tmp_path):
    born = write_sources(tmp_path / "source")
    summary = run_pipeline("exams", tmp_path / "source", "2001-01-01", "2012-12-31")
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert (summary["refused"], summary["quarantined"]) == ([], {})
    assert summary["metrics"]["auc"] > 0.7, "age and sex decide"
    store = Store(str(tmp_path / "store"))
    years = store.keys("exams", "features")
    assert years == [f"ds={year}" for year in YEARS]
    features = store.find(Ref("exams", "features", years[-1]))
    for row in pq.read_table(store.open(features) / "part-0.parquet").to_pylist():
        assert row["patient_born"] == born[row["patient"]]
