import errno
import json
import math
import os
import time

import pytest

from pipelines.core.errors import (
    ColumnMismatchError,
    DeclarationError,
    OutOfMemoryError,
    PartitionRefusedError,
    PermanentError,
    TransientError,
    listed,
    rebuild,
)
from pipelines.core.events import (
    Reporter,
    dashboard,
    describe_error,
    describe_progress,
    is_progress,
    reporting,
    to_pipe,
)


@pytest.mark.parametrize(
    "error",
    [
        PartitionRefusedError("ds=2026-01-01: refused."),
        OutOfMemoryError("killed"),
        ColumnMismatchError("scale", ("a",), ()),
        DeclarationError("p", ["one", "two"]),
    ],
)
def test_an_error_reported_as_json_is_raised_as_itself(error):
    reported = json.loads(json.dumps(describe_error(error)))
    again = rebuild(reported["cls"], reported["args"], reported["message"], reported["kind"])
    assert type(again) is type(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionError("lost"), TransientError),
        (MemoryError(), TransientError),
        (TimeoutError("slow"), TransientError),
        (OSError(errno.ENOSPC, "No space left on device"), TransientError),
        (PermissionError(errno.EACCES, "Permission denied", "/store"), PermanentError),
        (ValueError("bad"), PermanentError),
    ],
)
def test_an_error_of_others_is_sorted_by_whether_a_retry_can_help(error, kind):
    reported = describe_error(error)
    assert (
        type(rebuild(reported["cls"], reported["args"], reported["message"], reported["kind"]))
        is kind
    )


def test_a_foreign_error_names_its_class():
    assert describe_error(KeyError("amount"))["message"] == "KeyError: 'amount'"


def test_an_error_that_cannot_be_rebuilt_keeps_its_message_and_kind():
    again = rebuild(
        "DeclarationError", ["too", "many", "args"], "what happened", "PermanentError"
    )
    assert (type(again), str(again)) == (PermanentError, "what happened")


def test_progress_is_reported_every_two_seconds_and_short_work_reports_none():
    events = []
    report = Reporter("work", events.append)
    for done in range(1000):
        report.progress(done, 1000)
    report.progress(1000, 1000)
    assert events == []
    report._started = time.monotonic() - 10
    report.progress(500, 1000, note="half")
    report.progress(501, 1000)
    report.progress(1000, 1000)
    assert [event["done"] for event in events] == [500, 1000]
    assert (
        describe_progress(events[0]) == "work: 500 of 1,000 rows, 50 rows/s, 10 s left (half)"
    )


def test_rates_count_from_where_the_work_begins_after_its_preparation():
    events = []
    report = Reporter("work", events.append)
    report._started = time.monotonic() - 1000
    report.begin()
    report.progress(100, 1000)
    assert events == []
    report._started -= 10
    report.progress(500, 1000)
    assert events[0]["per_s"] == pytest.approx(50, rel=0.05)
    assert events[0]["eta_s"] == pytest.approx(10, rel=0.05)


def test_what_was_done_in_preparing_is_no_part_of_the_rate_and_is_not_left_to_do():
    events = []
    report = Reporter("work", events.append)
    report._started = time.monotonic() - 1000
    report.begin(done=100)
    report._started -= 10
    report.progress(600, 1000)
    assert events[0]["done"] == 600
    assert events[0]["per_s"] == pytest.approx(50, rel=0.05)
    assert events[0]["eta_s"] == pytest.approx(8, rel=0.05)


def test_a_pipe_whose_reader_went_away_does_not_stop_the_stage():
    reader, writer = os.pipe()
    os.close(reader)
    Reporter("work", to_pipe(writer)).log("still here")
    os.close(writer)


def test_long_lists_are_capped():
    assert listed(range(7)) == "0, 1, 2, 3, 4 and 2 more"
    assert listed([]) == "none"


@pytest.mark.parametrize(("total", "note"), [(1_400_000, "epoch 3 of 10"), (None, "")])
def test_a_line_of_progress_is_distinguished_from_other_lines_of_a_log(total, note):
    event = {"work": "train as_of=2026-02-01", "done": 120_000, "total": total, "unit": "rows"}
    assert is_progress(describe_progress(event | {"per_s": 5611.2, "eta_s": 9.0, "note": note}))
    assert not is_progress("train as_of=2026-02-01: 1,400,000 rows, published in 30.1 s")
    assert not is_progress("python -m pipelines stage train fraud_detection --as-of 2026-02-01")


def test_bytes_give_a_rate_and_the_time_left_where_the_rows_to_come_are_not_known():
    events = []
    report = Reporter("ingest ds=2026-01-01", events.append)
    report._started = time.monotonic() - 10
    report.progress(5_000_000, None, "rows", "a.csv", of_bytes=(100_000_000, 400_000_000))
    (event,) = events
    assert event["bytes_per_s"] == pytest.approx(10_000_000, rel=0.05)
    assert event["eta_s"] == pytest.approx(30, rel=0.05)
    assert "rows/s, 10.0 MB/s, 30 s left (a.csv)" in describe_progress(event)


def test_values_are_reported_as_numbers_and_as_words_and_what_is_not_finite_is_left_out():
    events = []
    report = Reporter("train as_of=2026-02-01", events.append)
    report._started = time.monotonic() - 10
    values = {"epoch": 3, "epochs": 20, "step": 1500, "loss": 0.02134, "best_auc": math.nan}
    report.progress(500, 1000, values=values | {"rmse": 12_345.6, "input_stall": 0.0041})
    (event,) = json.loads(json.dumps(events, allow_nan=False))
    assert event["values"] == {
        "epoch": 3,
        "epochs": 20,
        "step": 1500,
        "loss": 0.02134,
        "rmse": 12_345.6,
        "input_stall": 0.0041,
    }
    assert describe_progress(event).endswith(
        "(epoch 3 of 20, step 1,500, loss 0.02134, rmse 12,346, input stall 0.4%)"
    )


def test_a_dashboard_is_reported_by_the_stage_at_work_and_by_nobody_else():
    events = []
    dashboard("http://nobody/status")
    with reporting(Reporter("work", events.append)):
        dashboard("http://127.0.0.1:8787/status")
    dashboard("http://nobody/status")
    assert events == [
        {"event": "dashboard", "work": "work", "url": "http://127.0.0.1:8787/status"}
    ]


@pytest.mark.parametrize(
    "said", ["was refused", "ds=D: was refused", "validate ds=D: was refused"]
)
def test_a_log_message_names_the_work_once(said):
    events = []
    Reporter("validate ds=D", events.append).log(said)
    assert events[0]["message"] == "validate ds=D: was refused"
