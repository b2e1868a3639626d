"""Which day a run works on, for each way a run comes to be in Airflow 3.3."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from millrace.airflow.partition import as_of, partition_of
from pipelines.core.errors import ConfigError

DUE = datetime(2026, 1, 6, 0, 0, tzinfo=UTC)


def run(partition_key=None, logical_date=None, run_after=DUE):
    return SimpleNamespace(
        partition_key=partition_key, logical_date=logical_date, run_after=run_after
    )


# How the run came to be, its dag_run, the form, the day taken in, the model's as-of day.
TABLE = [
    ("scheduled, data", run("2026-01-05"), {}, "2026-01-05", "2026-01-05"),
    ("manual, nothing given", run(), {}, "2026-01-05", "2026-01-06"),
    (
        "manual, empty form",
        run(),
        {"partition": None, "as_of": None},
        "2026-01-05",
        "2026-01-06",
    ),
    (
        "manual, form",
        run(),
        {"partition": "2025-12-31", "as_of": "2025-12-30"},
        "2025-12-31",
        "2025-12-30",
    ),
    ("manual, partition key by REST", run("2026-01-02"), {}, "2026-01-02", "2026-01-02"),
    ("manual, logical date", run(logical_date=DUE), {}, "2026-01-06", "2026-01-06"),
    (
        "dag.test(), form",
        run(logical_date=DUE),
        {"partition": "2025-12-31", "as_of": "2025-12-31"},
        "2025-12-31",
        "2025-12-31",
    ),
    (
        "asset-triggered",
        run("2026-01-03"),
        {"partition": "2026-01-03"},
        "2026-01-03",
        "2026-01-03",
    ),
    (
        "due in another time zone",
        run(run_after=datetime(2026, 1, 6, 1, 0, tzinfo=timezone(timedelta(hours=2)))),
        {},
        "2026-01-04",
        "2026-01-05",
    ),
]


@pytest.mark.parametrize(
    ("dag_run", "params", "partition", "model_day"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_each_kind_of_run_names_its_day(dag_run, params, partition, model_day):
    assert partition_of(dag_run, params) == partition
    assert as_of(dag_run, params) == model_day


def test_a_key_and_a_form_that_disagree_are_refused():
    with pytest.raises(
        ConfigError, match=r"key is 2026-01-05 and the form's as_of is 2026-01-01"
    ):
        as_of(run("2026-01-05"), {"as_of": "2026-01-01"})


@pytest.mark.parametrize("key", ["2026-1-5", "2026-01-05T00:00:00", "yesterday", "../.."])
def test_a_key_that_is_no_day_is_refused(key):
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        partition_of(run(key), {})
