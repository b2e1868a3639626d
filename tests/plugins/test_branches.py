"""The forms' field for a branch, and what each task is given of it."""

from types import SimpleNamespace

import jinja2
import jsonschema
import pytest
from airflow.sdk.definitions.param import ParamsDict

from millrace.airflow.await_partitions import missing_partitions
from millrace.airflow.dags import data_dag, model_dag, tune_dag
from millrace.airflow.templates import OTHER_SETTINGS, store_and_history
from pipelines.core.store import Store
from pipelines.spec import load
from tests.plugins.test_await_partitions import publish

PIPELINE = load("fraud_detection")


@pytest.fixture(scope="module")
def dags():
    return [data_dag(PIPELINE), model_dag(PIPELINE), tune_dag(PIPELINE)]


VARIABLES = SimpleNamespace(value={"millrace_store": "/store"})


def rendered(text, **params):
    return jinja2.Template(text).render(params=ParamsDict(params), var=VARIABLES)


@pytest.mark.parametrize(
    ("params", "address"),
    [
        ({}, "/store"),
        ({"branch": None}, "/store"),
        ({"branch": ""}, "/store"),
        ({"branch": "looser"}, "/store?branch=looser"),
        ({"branch": "main"}, "/store?branch=main"),
    ],
)
def test_the_store_of_a_task_is_that_of_the_forms_branch(params, address):
    found = rendered(store_and_history(PIPELINE)["store"], **params)
    assert found == address
    assert Store(found).branch == (params.get("branch") or "").replace("main", "")


def test_every_form_asks_for_a_branch_and_every_task_with_a_store_is_given_it(dags):
    with_store = 0
    for dag in dags:
        field = dag.params.get_param("branch")
        assert (field.value, field.schema["title"]) == (None, "Branch")
        for task in dag.tasks:
            store = getattr(task, "store", None) or getattr(task, "partial_kwargs", {}).get(
                "store"
            )
            if store is not None:
                with_store += 1
                assert rendered(store, branch="x") == "/store?branch=x", task.task_id
    assert with_store > 10


@pytest.mark.parametrize("name", ["a/b", "", ".x", "two words", "x" * 65])
def test_the_form_refuses_what_is_no_name(name, dags):
    schema = dags[0].params.get_param("branch").schema
    jsonschema.validate("looser-rules.2", schema)
    jsonschema.validate(None, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(name, schema)


def test_settings_of_the_form_reach_a_day_and_none_is_none():
    assert rendered(OTHER_SETTINGS[0], settings=["a.b=1", "c.d=2"]) == "a.b=1\nc.d=2"
    assert rendered(OTHER_SETTINGS[0]) == ""


def test_a_branch_waits_for_the_days_that_neither_it_nor_main_has(tmp_path):
    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    for store, day in ((Store(str(tmp_path)), days[0]), (Store(str(tmp_path), "b"), days[1])):
        publish(store, "validated", day, "accepted")
        publish(store, "features", day)
    missing = [
        missing_partitions(Store(f"{tmp_path}{branch}"), "fraud_detection", days)
        for branch in ("", "?branch=b")
    ]
    assert missing == [days[1:], days[2:]]
