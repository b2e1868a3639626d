"""Visits with 24 text columns, UUIDs, composite keys, words for labels, and labels that never come."""

import csv
import uuid

import numpy as np
import pyarrow.parquet as pq

from pipelines.core.days import days_between
from pipelines.core.store import Ref, Store
from tests.end_to_end.tables.declarations.hospital_visits import CODES

FIRST, LAST, DAYS, ROWS, PATIENTS = "2026-03-01", "2026-03-09", 9, 3000, 400
WORDS = np.array(["NO", ">30", "<30"])


FASTER = {"training.learning_rate": 0.01, "model.hidden": [32]}


def visits(seed=0):
    """Rows of the export by day; a code and the days in hospital decide who comes back."""
    draw = np.random.default_rng(seed)
    days = draw.integers(1, 15, ROWS)
    codes = draw.choice(
        ["a", "b", "c|d", "e\\", "?"], (ROWS, len(CODES)), p=[0.4, 0.3, 0.1, 0.1, 0.1]
    )
    hidden = 2.0 * (codes[:, 0] == "b") + days / 4 + draw.normal(size=ROWS)
    words = WORDS[np.digitize(hidden, [2.0, 3.5])]
    words[draw.random(ROWS) < 0.2] = "?"
    names = [str(uuid.UUID(int=int(n))) for n in draw.integers(1, 2**62, PATIENTS)]
    second = np.sort(draw.choice(DAYS * 86_400, ROWS, replace=False))
    found = {day: [] for day in days_between(FIRST, LAST)}
    for n in range(ROWS):
        at = np.datetime64(FIRST, "s") + second[n]
        ward = draw.choice(["north", "south", "?"], p=[0.5, 0.4, 0.1])
        row = [draw.choice(names), str(at), draw.choice(["St. Anna", "City"]), ward, *codes[n]]
        found[str(at)[:10]].append([*row, days[n] if draw.random() < 0.9 else "?", words[n]])
    return found


def write(rows, folder):
    folder.mkdir()
    for day, lines in rows.items():
        with (folder / f"visits-{day}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["patient", "admitted", "hospital", "ward", *CODES, "days", "readmitted"]
            )
            writer.writerows(lines)


def files_of(store, dataset, key):
    store = Store(str(store))
    return store.open(store.find(Ref("hospital_visits", dataset, key)))


def test_visits_of_text_and_unknowns_end_in_a_verdict(run_pipeline, tmp_path):
    rows = visits()
    write(rows, tmp_path / "source")
    summary = run_pipeline("hospital_visits", tmp_path / "source", FIRST, LAST, **FASTER)
    assert summary["refused"] == []
    assert summary["quarantined"] == {}
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert summary["metrics"]["auc"] > 0.7
    store, test_days = tmp_path / "store", days_between("2026-03-07", LAST)
    unlabelled = sum(row[-1] == "?" for day in test_days for row in rows[day])
    assert summary["unlabelled"]["test"] == summary["metrics"]["unlabelled"] == unlabelled > 50
    (key,) = Store(str(store)).keys("hospital_visits", "evaluations")
    folder = files_of(store, "evaluations", key)
    scores = pq.read_table(folder / "scores.parquet")
    assert scores.num_rows == sum(len(rows[day]) for day in test_days)
    assert scores["label"].null_count == unlabelled
    assert scores["score"].null_count == 0
    assert not scores.filter(scores["label"].is_null())["counted"].to_pylist().count(True)
    card = (folder / "model_card.html").read_text()
    assert f"{unlabelled}, scored and not counted" in card
    assert "0 is &gt;30 or NO, 1 is &lt;30" in card
