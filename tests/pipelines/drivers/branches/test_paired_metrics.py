"""Models of main and of a branch on the same rows, compared with a computation by pairs of rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.drivers.branches.paired_metrics import paired
from pipelines.shared.metrics.bootstrap import interval, resamples
from pipelines.spec import load

FRAUD = load("fraud_detection")
ID = FRAUD.table.id_column
CARD = next(e.key for e in FRAUD.entities if e.name == FRAUD.evaluation.alert_entity)


def rows(seed, n=60):
    draw = np.random.default_rng(seed)
    label = draw.random(n) < 0.3
    return {
        ID: np.arange(n),
        CARD: draw.integers(0, 12, n),
        "day": np.where(np.arange(n) < n // 2, "2026-01-01", "2026-01-02"),
        "label": label.astype(np.int64),
        "score": (label * 0.5 + draw.random(n)).astype(np.float32),
        "counted": draw.random(n) < 0.9,
    }


def auc_by_pairs(label, score, weight):
    positive, negative = np.flatnonzero(label), np.flatnonzero(~label)
    total = won = 0.0
    for p in positive:
        for q in negative:
            copies = weight[p] * weight[q]
            total += copies
            won += copies * ((score[p] > score[q]) + 0.5 * (score[p] == score[q]))
    return won / total if total else float("nan")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_difference_and_its_interval_are_those_of_the_rows_of_both(seed, tmp_path):
    main, branch = rows(seed), rows(seed)
    draw = np.random.default_rng(99)
    branch["score"] = draw.random(60).astype(np.float32)
    kept = np.sort(draw.choice(60, 50, replace=False))
    shuffled = draw.permutation(kept)
    pq.write_table(pa.table(main), tmp_path / "main")
    pq.write_table(pa.table({n: v[shuffled] for n, v in branch.items()}), tmp_path / "branch")
    found = paired(tmp_path / "main", tmp_path / "branch", FRAUD)

    at = shuffled[main["counted"][shuffled]]
    label, card = main["label"][at] > 0, main[CARD][at]
    entities = [*dict.fromkeys(card.tolist())]
    index = np.array([entities.index(each) for each in card])
    assert (found["rows"], found["entities"]) == (len(at), len(entities))
    copies = resamples(len(entities), FRAUD.evaluation.bootstrap_samples, FRAUD.training.seed)
    sides = [main["score"][at], branch["score"][at]]
    whole = [auc_by_pairs(label, side, np.ones(len(at))) for side in sides]
    some = copies[:25]
    drawn = [[auc_by_pairs(label, side, each[index]) for side in sides] for each in some]
    auc = found["metrics"]["auc"]
    assert [auc["main"], auc["branch"]] == pytest.approx(whole)
    assert auc["difference"] == pytest.approx(whole[1] - whole[0])
    # The interval is of the differences, resample by resample: within the range of all that were drawn.
    differences = [other - one for one, other in drawn]
    low, high = auc["interval"]
    assert min(differences) - 0.2 < low < auc["difference"] < high < max(differences) + 0.2
    assert interval(differences)[0] == pytest.approx(low, abs=0.1)


def test_models_without_a_row_in_common_have_no_metric(tmp_path):
    pq.write_table(pa.table(rows(1)), tmp_path / "main")
    other = rows(2) | {ID: np.arange(1000, 1060)}
    pq.write_table(pa.table(other), tmp_path / "branch")
    assert paired(tmp_path / "main", tmp_path / "branch", FRAUD) == {
        "rows": 0,
        "entities": 0,
        "metrics": {},
    }
