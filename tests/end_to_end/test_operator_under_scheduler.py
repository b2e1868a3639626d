"""The operator under a real scheduler, api-server, dag-processor and triggerer."""

import contextlib
import json
import os
import re
import urllib.parse
from itertools import pairwise
from pathlib import Path

import pytest

from millrace.airflow.progress_xcom import PROGRESS_KEY
from pipelines.core.store import Manifest, Ref, Store, describe_files
from pipelines.drivers.local.rest_client import FINISHED, RestError
from tests.end_to_end.conftest import browser, eventually
from tests.pipelines.made_models import done, publish_model, publish_training_set

pytestmark = pytest.mark.slow

QUOTED = urllib.parse.quote


def task(api, dag_id, run_id, task_id):
    return next(t for t in api.tasks(dag_id, run_id) if t["task_id"] == task_id)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def xcom(api, dag_id, run_id, task_id, key="return_value"):
    path = f"/dags/{dag_id}/dagRuns/{QUOTED(run_id)}/taskInstances/{task_id}/xcomEntries/{key}"
    return api.get(path)["value"]


def log_of(api, dag_id, run_id, task_id, attempt):
    path = f"/dags/{dag_id}/dagRuns/{QUOTED(run_id)}/taskInstances/{task_id}/logs/{attempt}"
    content = api.get(path, map_index=-1, full_content="true")["content"]
    return json.dumps(content)


@pytest.fixture(scope="module")
def ends(toy_airflow):
    """One run with every end; the running task is cleared once its child is there."""
    api, pids = toy_airflow.api, toy_airflow.home.root / "pids"
    api.unpause("toy_ends")
    run_id = api.trigger("toy_ends")
    eventually((pids / "cleared").exists, 90, "the task to be cleared runs")
    api.post(
        "/dags/toy_ends/clearTaskInstances",
        {"dry_run": False, "dag_run_id": run_id, "task_ids": ["cleared"], "only_failed": False},
    )

    def over():
        tasks = {t["task_id"]: t["state"] for t in api.tasks("toy_ends", run_id)}
        return set(tasks.values()) <= {"success", "failed"} and tasks

    states = eventually(over, 120, "every task has ended")
    return api, run_id, states, pids


def test_a_child_killed_by_the_kernel_is_tried_again_and_succeeds(ends):
    api, run_id, states, pids = ends
    assert states["killed"] == "success"
    assert task(api, "toy_ends", run_id, "killed")["try_number"] == 2
    assert "killed (SIGKILL)" in log_of(api, "toy_ends", run_id, "killed", 1)
    assert len((pids / "killed").read_text().split()) == 2


def test_a_refused_partition_fails_at_once(ends):
    api, run_id, states, _ = ends
    assert states["refused"] == "failed"
    assert task(api, "toy_ends", run_id, "refused")["try_number"] == 1
    assert "the same inputs would fail the same way" in log_of(
        api, "toy_ends", run_id, "refused", 1
    )


def test_a_timeout_leaves_no_child_behind(ends):
    _, _, states, pids = ends
    assert states["overtime"] == "failed"
    assert not any(is_running(int(pid)) for pid in (pids / "overtime").read_text().split())


def test_a_cleared_task_ends_its_child_before_the_next_try(ends):
    _, _, states, pids = ends
    assert states["cleared"] == "success"
    tries = (pids / "cleared").read_text().split()
    assert len(tries) == 2
    assert not is_running(int(tries[0]))


def test_a_backfill_gives_each_day_its_own_run_and_asset_event(toy_airflow):
    api = toy_airflow.api
    api.unpause("toy_data")
    api.backfill("toy_data", "2026-01-05", "2026-01-06", max_active_runs=2)

    def runs():
        found = {r["partition_key"]: r for r in api.runs("toy_data", run_type="backfill")}
        done = len(found) == 2 and all(r["state"] == "success" for r in found.values())
        return done and found

    for day, run in eventually(runs, 120, "both days are done").items():
        argv = xcom(api, "toy_data", run["dag_run_id"], "featurize")["argv"]
        assert argv[argv.index("--partition") + 1] == day
    events = api.get("/assets/events", source_dag_id="toy_data")["asset_events"]
    assert {"2026-01-05", "2026-01-06"} <= {event["partition_key"] for event in events}


@pytest.fixture(scope="module")
def evaluated(toy_airflow):
    """A model that is BETTER, as what the toy's train and evaluate made."""
    store, as_of = str(toy_airflow.home.store), "2026-02-01"
    publish_training_set(store, as_of=as_of, seed=8)
    made = {"train": publish_model(store, as_of=as_of).digest}
    made["evaluate"] = done("evaluate", store, as_of=as_of)["digest"]
    for name, digest in made.items():
        toy_airflow.api.post("/variables", {"key": f"toy_{name}", "value": digest})


@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize(("button", "said"), [("Promote", "promote"), ("Keep", "keep")])
def test_a_person_is_asked_and_the_answer_and_who_gave_it_reach_the_promotion(
    toy_airflow, button, said
):
    api = toy_airflow.api
    api.unpause("toy_model")
    run_id = api.trigger("toy_model", {"as_of": "2026-02-01", "approve": True})
    path = f"/dags/toy_model/dagRuns/{QUOTED(run_id)}"
    question = f"{path}/taskInstances/approve/-1/hitlDetails"

    def ended():
        # An answer in the half second before the scheduler saw the task pause is asked for again.
        if task(api, "toy_model", run_id, "approve")["state"] == "awaiting_input":
            with contextlib.suppress(RestError):
                asked = api.get(question)
                (chosen,) = (o for o in asked["options"] if o.startswith(button))
                assert "[Model card](/millrace/reports/" in asked["body"]
                body = {"chosen_options": [chosen], "params_input": {"why": "seen the card"}}
                api.patch(question, body)
        state = api.get(path)["state"]
        return state in FINISHED and state

    assert eventually(ended, 150, "the run has ended") == "success"
    assert xcom(api, "toy_model", run_id, "approve", "waiting")["fate"] == "waiting"
    argv = xcom(api, "toy_model", run_id, "promote")["argv"]
    given = [after for word, after in pairwise(argv) if word == "--option"]
    assert {f"answer={said}", "answered_by=admin", "answered_why=seen the card"} <= set(given)


def test_the_form_refuses_what_is_not_a_day_or_not_a_number(toy_airflow):
    for conf in ({"as_of": "someday"}, {"epochs": 0}, {"settings": ["rm -rf"]}):
        with pytest.raises(Exception, match="400"):
            toy_airflow.api.trigger("toy_model", conf)


@pytest.fixture(scope="module")
def page(toy_airflow):
    """A published report, and a way to ask for pages with or without a login."""
    publish_report(Store(str(toy_airflow.home.store)))
    return browser(toy_airflow.api)


def publish_report(store):
    ref = Ref("fraud_detection", "validated", "ds=2026-01-05")
    with store.staging(ref, "0123456789abcdef") as out:
        Path(out / "report.html").write_text("<h1>Validated 2026-01-05</h1>")
        manifest = Manifest(
            pipeline=ref.pipeline,
            dataset=ref.dataset,
            key=ref.key,
            stage="validate",
            digest="0123456789abcdef",
            inputs={},
            config={},
            code={},
            files=describe_files(out, ()),
        )
        store.publish(out, manifest)


REPORT = "/millrace/reports/fraud_detection/validated/ds%3D2026-01-05"


@pytest.mark.parametrize("cookie", [False, True])
def test_a_published_report_is_shown_to_who_is_logged_in_and_can_load_nothing(page, cookie):
    status, body, headers = page(REPORT, cookie=cookie)
    assert (status, body) == (200, "<h1>Validated 2026-01-05</h1>")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [REPORT, "/millrace/docs", "/millrace/openapi.json"])
def test_without_a_login_nothing_is_shown(page, path):
    status, body, _ = page(path, login=False)
    assert status in {401, 404}
    assert "Validated" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/millrace/reports/fraud_detection/validated/ds=2026-01-05/../../../../secrets.json",
        "/millrace/reports/fraud_detection/validated/..%2F..%2F..%2F..%2Fsecrets.json",
        "/millrace/reports/fraud_detection/validated/%2Fetc%2Fpasswd",
        "/millrace/reports/..%2F..%2Fsource/validated/ds=2026-01-05",
        "/millrace/reports/fraud_detection/ingested/ds=2026-01-05",
        "/millrace/reports/fraud_detection/validated/ds=2026-01-06",
    ],
)
def test_an_address_that_names_no_published_page_finds_nothing(page, path):
    status, body, _ = page(path)
    assert status in {403, 404}
    assert "Validated" not in body


def test_a_failed_validation_links_to_its_report(ends, page):
    api, run_id, _, _ = ends
    path = f"/dags/toy_ends/dagRuns/{QUOTED(run_id)}/taskInstances/refused/links"
    links = api.get(path, map_index=-1)["extra_links"]
    assert links == {
        "Report": REPORT,
        "Data Docs": REPORT.replace("/reports/", "/data_docs/"),
        "Dask dashboard": None,
    }


def test_a_run_has_a_tab_that_shows_its_report_to_who_may_see_it(ends, page):
    _, run_id, _, _ = ends
    tab = f"/millrace/runs/toy_ends/{QUOTED(run_id)}"
    assert page(tab)[:2] == (200, "<h1>Validated 2026-01-05</h1>")
    assert page(tab, login=False)[0] == 401
    status, body, _ = page("/millrace/runs/toy_ends/no-such-run")
    assert (status, body) == (200, "<p>This run has published no page.</p>")


@pytest.fixture(scope="module")
def going_on(toy_airflow, page):
    """A run whose tasks report their progress until a file exists."""
    api, until = toy_airflow.api, toy_airflow.home.root / "pids" / "trained"
    api.unpause("toy_live")
    run_id = api.trigger("toy_live")
    tab = f"/millrace/runs/toy_live/{QUOTED(run_id)}"
    eventually(
        lambda: page(tab)[1].count("<progress") == 2, 120, "both tasks reported progress"
    )
    yield run_id, tab, until
    until.touch()


def test_the_page_of_a_run_shows_its_tasks_at_work_and_then_what_they_published(going_on, page):
    _, tab, until = going_on
    status, body, headers = page(tab, cookie=True)
    assert status == 200
    for text in (">alone<", ">day 2026-01-05<", "rows/s", "input stall", "2 of 3", "0.4%"):
        assert text in body
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page(tab, login=False)[0] == 401
    steps = re.search(r"([\d,]+) of 10,000 rows", body)[1]
    eventually(lambda: f"{steps} of 10,000" not in page(tab)[1], 30, "the page goes on")
    until.touch()
    eventually(
        lambda: page(tab)[1] == "<h1>Validated 2026-01-05</h1>", 60, "the report is shown"
    )


def test_a_task_that_is_tried_again_shows_nothing_of_the_try_before(going_on, toy_airflow):
    api, (run_id, _, until) = toy_airflow.api, going_on
    until.touch()
    path = f"/dags/toy_live/dagRuns/{QUOTED(run_id)}"
    eventually(lambda: api.get(path)["state"] == "success", 90, "the run has ended")
    progress = xcom(api, "toy_live", run_id, "alone", PROGRESS_KEY)
    assert progress["values"]["epochs"] == 3
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["alone"]}
    api.post("/dags/toy_live/clearTaskInstances", body | {"only_failed": False})
    eventually(
        lambda: (
            task(api, "toy_live", run_id, "alone")["try_number"] == 2
            and api.get(path)["state"] == "success"
        ),
        90,
        "the task was tried again",
    )
    entries = api.get(f"{path}/taskInstances/alone/xcomEntries")["xcom_entries"]
    assert PROGRESS_KEY not in {entry["key"] for entry in entries}
