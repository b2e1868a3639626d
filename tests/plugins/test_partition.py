"""Which partition or day a run works on, for each way a run comes to be in Airflow 3.3."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from millrace.airflow.forms import data_form
from millrace.airflow.partition import as_of, partition_of
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import EXAMPLES, GRAINS, Partitions

DAYS = Partitions()
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
    assert partition_of(DAYS, dag_run, params) == partition
    assert as_of("UTC", dag_run, params) == model_day


def test_a_key_and_a_form_that_disagree_are_refused():
    with pytest.raises(
        ConfigError, match=r"key is 2026-01-05 and the form's as_of is 2026-01-01"
    ):
        as_of("UTC", run("2026-01-05"), {"as_of": "2026-01-01"})


@pytest.mark.parametrize("key", ["2026-1-5", "2026-01-05T00:00:00", "yesterday", "../.."])
def test_a_key_that_is_no_day_is_refused(key):
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        partition_of(DAYS, run(key), {})


# By grain, in Tokyo, where the run is due at nine on Thursday the first of January 2026.
IN_TOKYO = {
    "hour": "2025-12-31T23",
    "day": "2025-12-31",
    "week": "2025-W52",
    "month": "2025-12",
    "quarter": "2025-Q4",
    "year": "2025",
}


@pytest.mark.parametrize("grain", GRAINS)
def test_a_run_takes_in_the_last_partition_that_was_over_when_it_was_due(grain):
    due, tokyo = datetime(2026, 1, 1, tzinfo=UTC), Partitions(grain, "Asia/Tokyo")
    assert partition_of(tokyo, run(run_after=due), {}) == IN_TOKYO[grain]
    of_date = partition_of(tokyo, run(logical_date=due), {})
    assert of_date == tokyo.shift(IN_TOKYO[grain], 1)
    assert as_of("Asia/Tokyo", run(run_after=due - timedelta(hours=1)), {}) == "2026-01-01"
    assert as_of("America/Lima", run(run_after=due), {}) == "2025-12-31"


@pytest.mark.parametrize("grain", GRAINS)
def test_the_form_takes_a_partition_and_a_day_of_a_longer_one(grain):
    partitions, key = Partitions(grain, "Europe/Berlin"), EXAMPLES[grain]
    assert partition_of(partitions, run(), {"partition": key}) == key
    field = data_form(partitions, []).get("partition")
    field.resolve(key)
    if grain == "hour":
        with pytest.raises(
            ConfigError, match=r"is not an hour. Write it as in '2026-01-31T05'"
        ):
            partition_of(partitions, run(), {"partition": "2026-01-31"})
        return
    field.resolve("2026-01-31")
    assert partition_of(partitions, run(), {"partition": "2026-01-31"}) == key
    assert partition_of(partitions, run(key), {"partition": "2026-01-31"}) == key
    for wrong in ("2026-01-31T00:00", "31.1.2026", "../..", "2026-02-30"):
        with pytest.raises(ConfigError, match=r"Write it as|is not a calendar day"):
            partition_of(partitions, run(), {"partition": wrong})
