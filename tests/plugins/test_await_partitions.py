"""Waiting for the days of a model: what counts as there, and what is said when it is not."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.module_loading import import_string

from millrace.airflow.await_partitions import (
    AwaitPartitionsOperator,
    PartitionsTrigger,
    missing_partitions,
)
from pipelines.core.errors import ConfigError, InputMissingError
from pipelines.core.store import Manifest, Store
from pipelines.core.store.why import describe_explanation, explain
from pipelines.protocol import partition_key

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
SMALL = [
    "split.train_days=2",
    "split.gap_days=0\nsplit.test_days=1",
    "label.known_after_days=0",
]
OF_CARDS = {
    "pipeline": "fraud_detection",
    "as_of": "2026-01-04",
    "history_from": "2026-01-01",
    "settings": SMALL,
}


def publish(
    store: Store,
    dataset: str,
    day: str,
    verdict: str = "",
    pipeline: str = "fraud_detection",
    table: str | None = None,
) -> None:
    manifest = Manifest(
        pipeline=pipeline,
        dataset=dataset,
        key=partition_key(day, table),
        stage="test",
        digest=f"{dataset}-{day}-{verdict}",
        inputs={},
        config={},
        code={},
        outcome={"verdict": verdict},
    )
    with store.staging(manifest.ref, manifest.digest) as out:
        store.publish(out, manifest)


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "store"))


def operator(store, **more):
    return AwaitPartitionsOperator(
        task_id="await_partitions",
        store=store.uri,
        poll=timedelta(seconds=0.05),
        **(OF_CARDS | more),
    )


def event_of(trigger):
    async def first():
        return (await anext(trigger.run())).payload

    return asyncio.run(asyncio.wait_for(first(), 20))


def trigger(store, wait_s):
    until = datetime.now(UTC) + timedelta(seconds=wait_s)
    return PartitionsTrigger(store.uri, "fraud_detection", DAYS, until.isoformat(), 0.05)


def test_a_day_is_done_with_features_or_with_a_refusal_and_not_before(store):
    publish(store, "features", DAYS[0])
    publish(store, "validated", DAYS[1], "refused")
    publish(store, "validated", DAYS[2], "accepted")
    assert missing_partitions(store, "fraud_detection", DAYS) == [DAYS[2]]


def test_with_every_day_there_nothing_is_deferred(store):
    for day in DAYS:
        publish(store, "features", day)
    result = operator(store).execute({})
    assert result == {"partitions": 3, "first": DAYS[0], "last": DAYS[2]}


def test_a_missing_day_is_waited_for_by_the_triggerer_which_can_rebuild_the_trigger(store):
    with pytest.raises(TaskDeferred) as deferred:
        operator(store, wait=timedelta(minutes=3)).execute({})
    path, kwargs = deferred.value.trigger.serialize()
    assert import_string(path)(**kwargs).serialize() == (path, kwargs)
    assert kwargs["keys"] == DAYS
    assert deferred.value.method_name == "resume"


def test_the_trigger_ends_as_soon_as_the_last_day_is_published(store):
    for day in DAYS[:2]:
        publish(store, "features", day)
    later = threading.Timer(0.3, publish, (store, "features", DAYS[2]))
    later.start()
    assert event_of(trigger(store, wait_s=20)) == {"missing": []}
    later.join()
    assert operator(store).resume({}, {"missing": []})["partitions"] == 3


def test_days_that_do_not_come_are_named_with_the_command_that_makes_them(store):
    publish(store, "features", DAYS[1])
    event = event_of(trigger(store, wait_s=0.2))
    assert event == {"missing": [DAYS[0], DAYS[2]]}
    with pytest.raises(
        InputMissingError,
        match=r"2 of the days .* 2026-01-01, 2026-01-03.* --dag-id fraud_detection_data "
        r"--from-date 2026-01-01 --to-date 2026-01-03",
    ):
        operator(store).resume({}, event)


def test_a_model_of_monthly_rows_waits_for_months_and_names_the_dags_of_every_table(
    store, monkeypatch
):
    monkeypatch.setenv("MILLRACE_PIPELINES", str(Path(__file__).parent / "projects"))
    more = {"pipeline": "clinic", "history_from": "", "settings": [], "promotes": False}
    clinic = operator(store, as_of="2026-03-03", **more)
    with pytest.raises(TaskDeferred) as deferred:
        clinic.execute({})
    _, kwargs = deferred.value.trigger.serialize()
    assert (kwargs["keys"][0], kwargs["keys"][-1]) == ("2025-05", "2026-01")
    with pytest.raises(
        InputMissingError,
        match=r"2 of the months .* 2025-05, 2026-01\. .* runs of clinic_labs_data and clinic_data "
        r".* --dag-id clinic_data --from-date 2025-05-01 --to-date 2026-01-01",
    ):
        clinic.resume({}, {"missing": ["2025-05", "2026-01"]})
    with pytest.raises(
        ConfigError, match=r"needs the months 2024-.* data begins on 2025-01-01"
    ):
        operator(store, as_of="2025-07-03", **more).execute({})


def test_a_model_of_outcomes_waits_for_the_events_up_to_its_as_of_day(store):
    more = {"pipeline": "disease_progression", "history_from": "", "settings": []}
    progression = operator(store, as_of="2024-02-01", promotes=False, **more)
    with pytest.raises(TaskDeferred) as deferred:
        progression.execute({})
    _, kwargs = deferred.value.trigger.serialize()
    years = [f"table=events/ds={year}" for year in range(2010, 2024)]
    assert [key for key in kwargs["keys"] if "=" in key] == [*years, "table=patients/ds=all"]
    publish(store, "validated", "2023", pipeline="disease_progression", table="events")
    missing = missing_partitions(store, "disease_progression", years)
    assert missing == years[:-1]
    with pytest.raises(
        InputMissingError,
        match=r"2 of the partitions that the labels .* have no verdict: events 2010, events 2011",
    ):
        progression.resume({}, {"missing": missing[:2]})


def test_a_window_before_the_first_day_of_data_is_refused_at_once(store):
    with pytest.raises(
        ConfigError, match=r"the data begins on 2026-01-02\. Choose a later as-of"
    ):
        operator(store, history_from="2026-01-02").execute({})


def test_without_a_first_day_the_declared_one_holds(store):
    with pytest.raises(ConfigError, match="the data begins on 2025-01-01"):
        operator(store, history_from="", as_of="2025-01-02").execute({})


def test_features_of_a_day_that_was_validated_again_since_are_stale_and_waited_for(store):
    def put(dataset, word, inputs):
        manifest = Manifest(
            pipeline="fraud_detection", dataset=dataset, key=f"ds={DAYS[0]}", stage="featurize",
            digest=f"{dataset}-{word}", inputs=inputs, config={}, code={}, content=word,
            outcome={"verdict": "accepted"},
        )  # fmt: skip
        with store.staging(manifest.ref, manifest.digest) as out:
            store.publish(out, manifest)

    put("validated", "before", {})
    put("features", "made", {f"validated/ds={DAYS[0]}": "before"})
    name = f"fraud_detection/features/ds={DAYS[0]}"
    assert missing_partitions(store, "fraud_detection", DAYS[:1]) == []
    assert explain(store, name)["stale"] == []
    put("validated", "after", {})
    assert missing_partitions(store, "fraud_detection", DAYS[:1]) == DAYS[:1]
    assert "stale: validated/ds=2026-01-01 was published again since" in describe_explanation(
        explain(store, name)
    )


def test_a_run_without_a_registry_to_promote_to_ends_before_it_waits():
    with pytest.raises(ConfigError, match="Pass --option mlflow_uri=URI"):
        operator(Store("memory://bucket/store")).execute({})


def test_a_store_that_cannot_be_written_ends_the_run_before_it_waits(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigError, match="cannot be written"):
        operator(Store(str(tmp_path / "file/store"))).execute({})


@pytest.mark.parametrize(
    ("approvers", "message"),
    [
        ("nobody_here", "names nobody_here, whom Airflow does not know"),
        ("ann, bert", "names bert, whom Airflow does not know .users: ann"),
        (" , ", "names nobody"),
    ],
)
def test_an_approval_that_nobody_could_answer_ends_the_run_before_it_waits(
    store, monkeypatch, approvers, message
):
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ann:admin,carl:viewer")
    with pytest.raises(ConfigError, match=message):
        operator(store, asks="True", approvers=approvers).execute({})


@pytest.mark.parametrize("approvers", ["", "ann"])
def test_an_approval_that_somebody_can_answer_goes_on_to_wait(store, monkeypatch, approvers):
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", "ann:admin")
    with pytest.raises(TaskDeferred):
        operator(store, asks="True", approvers=approvers).execute({})
