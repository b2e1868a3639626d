"""The form that changes the champion: what it runs, who is named, and when others hear of it."""

from collections import defaultdict
from types import SimpleNamespace

import pytest

from millrace.airflow.champion_dag import ChampionOperator, champion_dag
from pipelines.core.errors import ConfigError, PermanentError
from pipelines.shared.registry.client import open_client
from pipelines.spec import load
from pipelines.stages.promote.champion import open_registry

NAME = "fraud_detection"
FORM = {
    "action": "promote",
    "version": "2",
    "why": "better on late frauds",
    "from_day": "",
    "expect": "",
    "mlflow_uri": "",
}


def operator(store="/store", **form):
    outlets = champion_dag(load(NAME)).get_task("change_champion").outlets
    more = {"task_id": "change_champion", "pipeline": NAME, "outlets": outlets}
    return ChampionOperator(store=str(store), **more, **(FORM | form))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store whose registry has two versions that another program registered; the first is the champion."""
    root = tmp_path_factory.mktemp("store")
    client = open_client(f"sqlite:///{root}/mlflow.db")
    client.create_registered_model(NAME)
    for number in (1, 2):
        model = root / f"model-{number}"
        model.mkdir()
        (model / "MLmodel").write_text("flavors: {}")
        client.create_model_version(NAME, f"file://{model}")
    open_registry(str(root), NAME).promote(1)
    return root


def test_the_form_of_each_pipeline_asks_what_the_command_takes():
    dag = champion_dag(load(NAME))
    assert dag.dag_id == "fraud_detection_champion"
    assert set(dag.params) == {"action", "version", "reason", "from_day", "expect"}
    (task,) = dag.tasks
    assert task.retries == 0
    assert [asset.name for asset in task.outlets] == ["fraud_detection_model"]


@pytest.mark.parametrize(
    ("form", "argv"),
    [
        ({}, ["--promote=2", "--why=better on late frauds", "--who=ada"]),
        (
            {"action": "rollback", "expect": "2", "from_day": "2026-02-01"},
            [
                *("--rollback", "--why=better on late frauds", "--who=ada"),
                *("--from-day=2026-02-01", "--expect=2"),
            ],
        ),
        ({"why": "--rollback"}, ["--promote=2", "--why=--rollback", "--who=ada"]),
        ({"why": ""}, ["--promote=2", "--who=ada"]),
        (
            {"mlflow_uri": "http://mlflow:5000"},
            [
                *("--promote=2", "--why=better on late frauds", "--who=ada"),
                "--mlflow-uri=http://mlflow:5000",
            ],
        ),
    ],
)
def test_what_the_form_says_is_what_the_command_is_given(form, argv):
    assert operator(**form).command("ada") == ["models", NAME, "--store", "/store", *argv]


def test_a_promotion_without_a_version_is_refused():
    with pytest.raises(ConfigError, match=r"names no version\. Give the number of one"):
        operator(version="").command("ada")


def test_who_triggers_the_run_changes_the_champion_and_others_hear_of_it(store):
    events = defaultdict(SimpleNamespace)
    run = SimpleNamespace(triggering_user_name="ada")
    task = operator(store, from_day="2026-02-01", expect="1")
    result = task.execute({"dag_run": run, "outlet_events": events})
    assert (result["version"], result["was"], result["who"]) == (2, 1, "ada")
    (last,) = open_registry(str(store), NAME).changes()[:1]
    assert (last["how"], last["why"]) == ("by hand", "better on late frauds")
    (event,) = events.values()
    assert event.extra["version"] == 2
    again = operator(store, expect="1")
    with pytest.raises(
        PermanentError, match=r"not version 1, .* but version 2, by hand at .* by ada"
    ):
        again.execute({"dag_run": run, "outlet_events": events})
