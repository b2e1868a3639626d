"""What the page of a run says while its tasks are at work."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from millrace.airflow.live import RunNow, TaskNow, _task
from millrace.airflow.live_page import live_page, span
from millrace.airflow.pages import HEADERS, LIVE_HEADERS

NOW = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)
PROGRESS = {
    "work": "train as_of=2026-02-01",
    "done": 250,
    "total": 1000,
    "unit": "rows",
    "per_s": 50.0,
    "eta_s": 75.0,
    "note": "",
    "values": {"epoch": 2, "epochs": 8, "step": 31, "loss": 0.25, "input_stall": 0.004},
}


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def training(**more):
    known = {"state": "running", "since": ago(65), "progress": PROGRESS, "progress_at": ago(5)}
    return TaskNow(**{"name": "train", **known, **more})


def run(*tasks, state="running"):
    return RunNow(dag_id="d", run_id="r", state=state, tasks=tasks)


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main>")[2]))


def test_a_task_at_work_is_shown_with_share_speed_time_left_and_values():
    page = live_page(run(training()), NOW, "/millrace")
    assert '<progress max="1" value="0.25">' in page
    text = text_of(page)
    for fact in (
        "25%",
        "250 of 1,000 rows",
        "50 rows/s",
        "1 min 10 s left",
        "reported 5 s ago",
    ):
        assert fact in text
    for name, value in (("epoch", "2 of 8"), ("loss", "0.25"), ("input stall", "0.4%")):
        assert f"{name} {value}" in text
    assert "at work for 1 min 05 s" in text


def test_each_trial_at_work_is_shown_and_what_has_ended_is_counted():
    trials = [training(name=f"trial {n}") for n in range(2)]
    ended = TaskNow(name="preprocess", state="success", since=ago(90))
    page = live_page(run(ended, *trials, TaskNow(name="tune")), NOW, "/millrace")
    assert page.count("<progress") == 2
    assert "tasks: 1 ended, 2 at work, 1 to come" in text_of(page)


def test_progress_that_an_xcom_backend_keeps_elsewhere_is_not_shown():
    found = SimpleNamespace(task_id="train", map_index=-1, state="running", start_date=ago(65))
    for shown, progress in ((PROGRESS, PROGRESS), ("s3://xcom/1.json", None)):
        assert _task(found, (shown, ago(5)), None).progress == progress


def test_without_a_total_the_bar_has_no_share_and_a_task_that_reported_nothing_has_none():
    unknown = training(progress=PROGRESS | {"total": None, "note": "a.csv"})
    page = live_page(run(unknown, training(name="validate", progress=None)), NOW, "/millrace")
    assert page.count("<progress") == 1
    assert '<progress max="1">' in page
    assert "a.csv" in text_of(page)


def test_a_task_that_waits_is_not_said_to_be_at_work():
    waits = TaskNow(name="await_partitions", state="deferred", since=ago(20))
    page = text_of(live_page(run(waits, training(progress=None)), NOW, "/millrace"))
    assert "await_partitions waiting for 20 s" in page
    assert "train at work for 1 min 05 s, no progress reported yet" in page


def test_text_of_a_stage_or_a_run_is_never_markup():
    sly = "<script>alert(1)</script>"
    task = training(name=sly, progress=PROGRESS | {"work": sly, "unit": sly, "note": sly})
    page = live_page(RunNow(dag_id="d", run_id=sly, state="running", tasks=(task,)), NOW, "")
    assert "<script" not in page


def test_a_failed_task_is_named_and_a_published_page_is_linked_while_others_work():
    failed = TaskNow(
        name="validate", state="failed", report="p/validated/ds%3D1", since=ago(90)
    )
    page = live_page(run(failed, training()), NOW, "/mount/millrace")
    assert "Failed: validate" in text_of(page)
    assert '<a href="/mount/millrace/reports/p/validated/ds%3D1">validate</a>' in page


@pytest.mark.parametrize(
    ("state", "tasks", "goes_on"),
    [
        ("queued", [], True),
        ("running", ["success", ""], True),
        ("running", ["success", "up_for_retry"], True),
        ("running", ["deferred", ""], True),
        ("running", ["success", "awaiting_input", ""], False),
        ("running", ["running", "awaiting_input"], True),
        ("success", ["success"], False),
        ("failed", ["failed"], False),
        ("", [], False),
    ],
)
def test_a_run_goes_on_until_it_has_ended_or_waits_for_a_person_alone(state, tasks, goes_on):
    named = [TaskNow(name=str(n), state=each) for n, each in enumerate(tasks)]
    assert run(*named, state=state).goes_on() is goes_on


def test_the_latest_published_page_comes_last():
    first = TaskNow(name="z", report="first", reported_at=ago(60))
    last = TaskNow(name="a", report="last", reported_at=ago(3))
    assert [t.report for t in run(last, first, TaskNow(name="b")).reported()] == [
        "first",
        "last",
    ]


def test_the_live_page_may_load_itself_again_and_nothing_else():
    assert "sandbox" not in LIVE_HEADERS["Content-Security-Policy"]
    assert LIVE_HEADERS["Content-Security-Policy"].startswith("default-src 'none'")
    assert HEADERS["Content-Security-Policy"].endswith("sandbox")
    page = live_page(run(training()), NOW, "/millrace")
    assert '<meta http-equiv="refresh" content="5">' in page
    assert not re.search(r"<script|src=|url\(|<link", page)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_a_span_is_said_in_the_units_of_its_size(seconds, said):
    assert span(seconds) == said
