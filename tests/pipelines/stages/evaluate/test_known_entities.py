"""Which test rows count."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between
from pipelines.core.errors import TrainingError
from pipelines.stages.evaluate.rows import AlertColumns, open_test_rows

COLUMNS = AlertColumns("customer_id", "tx_datetime")
DATA = Path(__file__).resolve().parents[5] / "shared/data/handbook_features"
KEYS = {
    "TRANSACTION_ID": "transaction_id",
    "TX_DATETIME": "tx_datetime",
    "CUSTOMER_ID": "customer_id",
}


def training_set(root, days):
    """``days``: for each part, day -> (entities, labels)."""
    index = {"features": ["a"]}
    for part, held in days.items():
        (root / part).mkdir()
        index[part] = []
        for day, (entity, y) in held.items():
            files = {
                "y": f"{part}/{day}-y.npy",
                "x": f"{part}/{day}-x.npy",
                "keys": f"{part}/{day}.parquet",
            }
            np.save(root / files["y"], np.array(y, np.float32))
            np.save(root / files["x"], np.zeros((len(y), 1), np.float32))
            when = np.full(len(y), f"{day}T23:59:59", "datetime64[us]")
            keys = {"customer_id": np.array(entity, np.int64), "tx_datetime": when}
            pq.write_table(pa.table(keys), root / files["keys"])
            index[part].append({"day": day, "rows": len(y), **files})
    (root / "index.json").write_text(json.dumps(index))
    return root


def test_an_entity_leaves_once_its_label_is_known_and_not_a_day_before(tmp_path):
    days = {
        "train": {"2026-01-01": ([1, 9], [1, 0])},
        "gap": {"2026-01-02": ([2], [1]), "2026-01-03": ([3], [1])},
        "test": {
            f"2026-01-0{n}": ([1, 2, 3, 4, 9], [0, 0, 0, n == 4, 0]) for n in (4, 5, 6, 7)
        },
    }
    rows = open_test_rows(training_set(tmp_path, days), COLUMNS, known_after_days=2)
    counted = rows.counted.reshape(4, 5)
    # Fraud of day d is known on the days after d + 2.
    np.testing.assert_array_equal(counted[0], [False, True, True, True, True])
    np.testing.assert_array_equal(counted[1], [False, False, True, True, True])
    np.testing.assert_array_equal(counted[2], [False, False, False, True, True])
    np.testing.assert_array_equal(counted[3], [False, False, False, False, True])


def test_a_window_without_any_event_keeps_every_row(tmp_path):
    days = {"train": {"2026-01-01": ([1], [0])}, "gap": {}, "test": {"2026-01-09": ([1], [0])}}
    assert open_test_rows(training_set(tmp_path, days), COLUMNS, 7).counted.all()


def test_no_test_rows_are_an_error(tmp_path):
    days = {"train": {"2026-01-01": ([1], [1])}, "gap": {}, "test": {}}
    with pytest.raises(TrainingError, match="no test rows"):
        open_test_rows(training_set(tmp_path, days), COLUMNS, 7)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the Handbook's features in ../shared/data")
def test_the_published_protocol_leaves_58264_rows_and_385_frauds(tmp_path):
    def read(first, last):
        tables = {
            d: pq.read_table(DATA / f"ds={d}/part-0.parquet") for d in days_between(first, last)
        }
        return {
            d: (t["CUSTOMER_ID"].to_numpy(), t["TX_FRAUD"].to_numpy())
            for d, t in tables.items()
        }

    days = {
        "train": read("2018-07-25", "2018-07-31"),
        "gap": read("2018-08-01", "2018-08-07"),
        "test": read("2018-08-08", "2018-08-14"),
    }
    rows = open_test_rows(training_set(tmp_path, days), COLUMNS, known_after_days=7)
    assert (int(rows.counted.sum()), int(rows.events[rows.counted].sum())) == (58_264, 385)
