import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.errors import (
    ColumnMismatchError,
    ConfigError,
    OutOfMemoryError,
    PermanentError,
    SourceNotReadyError,
    StageStoppedError,
    TransientError,
    WorkerLostError,
)
from pipelines.core.oom_kills import OomKills
from pipelines.process import launch
from pipelines.process.child import run_child
from pipelines.process.launch import StageProcess
from tests.pipelines.memory_group import memory_group
from tests.pipelines.process.following import (
    TOY,
    Toy,
    eventually,
    is_alive,
    open_fds,
    stop_when_started,
)


def test_a_stage_passes_on_its_result_its_progress_and_its_lines():
    toy = Toy()
    ended = toy.run("done", "one", "two", server=False)
    assert ended.result == {"rows": 10, "words": ["one", "two"]}
    assert [event["event"] for event in toy.events] == [
        "started",
        "progress",
        "result",
        "usage",
    ]
    assert toy.lines == [f"hello from {toy.pid()} one two"]
    assert not ended.forked


def test_usage_is_the_childs_own_and_not_its_parents():
    ballast = bytearray(os.urandom(1)) * (200 << 20)
    ended = Toy().run("done", server=False)
    assert 5 << 20 < ended.peak_memory_bytes < 100 << 20
    assert 0.01 < ended.cpu_seconds < 5
    del ballast


def test_a_stage_starts_in_the_repository_and_with_it_on_its_path():
    result = Toy().run("environment", server=False, env={"MILLRACE_X": "1"}).result
    env, root = result["env"], str(Path(__file__).parents[3])
    assert (env["PYTHONPATH"], env["PYTHONUNBUFFERED"], result["cwd"]) == (root, "1", root)
    assert (env["TF_CPP_MIN_LOG_LEVEL"], env["MILLRACE_X"]) == ("2", "1")
    assert not [name for name in env if name in ("MILLRACE_EVENTS_FD", "MILLRACE_ALIVE_FD")]


def test_a_permanent_error_comes_back_as_itself_with_the_childs_traceback():
    with pytest.raises(
        ColumnMismatchError, match="scale: this table's columns differ"
    ) as raised:
        Toy().run("permanent", server=False)
    assert raised.value.args == ("scale", ("amount",), ())
    assert raised.value.missing == ("amount",)
    assert 'raise ColumnMismatchError("scale"' in raised.value.__notes__[0]


@pytest.mark.parametrize(
    ("action", "error", "match"),
    [
        ("transient", SourceNotReadyError, "still growing"),
        ("config", ConfigError, "got -1"),
        ("ordinary", PermanentError, "amount"),
        ("memory", OutOfMemoryError, "memory: out of memory: an allocation failed"),
    ],
)
def test_an_error_of_the_stage_is_raised_in_the_parent(action, error, match):
    with pytest.raises(error, match=match) as raised:
        Toy().run(action, server=False)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("code", "error"),
    [("1", TransientError), ("2", ConfigError), ("3", PermanentError), ("4", TransientError)],
)
def test_an_exit_without_a_reason_is_classified_by_its_code(code, error):
    with pytest.raises(error, match=rf"exit code {code} .* about to leave") as raised:
        Toy().run("mute", code, server=False)
    assert type(raised.value) is error


def test_an_exit_0_without_a_result_is_not_taken_for_success():
    with pytest.raises(PermanentError, match="reported no result"):
        Toy().run("mute", "0", server=False)


def test_a_child_killed_by_anybody_is_a_lost_worker():
    with pytest.raises(WorkerLostError, match=r"no out-of-memory kill.*the peak seen was"):
        Toy().run("kill", "9", server=False)


def test_a_child_killed_where_no_count_can_be_read_most_likely_ran_out_of_memory(monkeypatch):
    monkeypatch.setattr(launch, "oom_kills", lambda: OomKills("", 0))
    with pytest.raises(OutOfMemoryError, match=r"kill 9: killed \(SIGKILL\).*most likely"):
        Toy().run("kill", "9", server=False)


def test_a_child_that_the_kernel_kills_for_memory_is_reported_as_out_of_memory():
    with memory_group(300 << 20) as members:
        parent = subprocess.Popen(
            [sys.executable, "-m", "tests.pipelines.process.toy_parent", "new", "fill", "900"],
            stderr=subprocess.PIPE,
            text=True,
        )
        members.write_text(str(parent.pid))
        output = parent.communicate(timeout=120)[1]
    assert "OutOfMemoryError: fill 900: killed (SIGKILL)" in output
    assert "by the kernel's out-of-memory killer" in output


def test_a_child_that_crashes_is_a_lost_worker():
    with pytest.raises(WorkerLostError, match="SIGSEGV"):
        Toy().run("kill", str(int(signal.SIGSEGV)), server=False)


def test_a_child_that_aborts_for_memory_is_reported_as_out_of_memory():
    said = ("terminate called after throwing an instance of 'std::bad_alloc'",)
    with pytest.raises(
        OutOfMemoryError, match=r"abort .*SIGABRT.*about memory: .*std::bad_alloc"
    ):
        Toy().run("abort", *said, server=False)


def test_a_stop_ends_the_stage_and_what_it_started(tmp_path):
    toy, mark = Toy(then=stop_when_started), tmp_path / "mark"
    with pytest.raises(StageStoppedError, match=r"wait .*: stopped after"):
        toy.run("wait", str(mark), server=False)
    assert mark.read_text() == "stopped"
    assert not is_alive(toy.pid())
    assert eventually(lambda: not is_alive(toy.of("started")["grandchild"]))


def test_a_stage_that_hangs_is_stopped_at_its_limit_and_says_where_it_was(tmp_path):
    toy, mark = Toy(), tmp_path / "mark"
    with pytest.raises(TransientError, match=r"wait: not done after its time limit of 2 s"):
        toy.run("wait", str(mark), server=False, env={"TOY_TIME_LIMIT_S": "2"})
    assert mark.read_text() == "stopped"
    assert any("toy_stage.py" in line and "in wait" in line for line in toy.lines)
    assert eventually(lambda: not is_alive(toy.of("started")["grandchild"]))


def test_a_stage_that_ignores_signals_is_ended_by_its_limit_all_the_same():
    environ = {"TOY_TIME_LIMIT_S": "1", "TOY_GRACE_S": "1"}
    with pytest.raises(TransientError, match=r"exit code 1 after .*reported no error"):
        Toy().run("stuck", server=False, env=environ)


def test_a_stop_lets_a_checkpoint_of_one_second_finish(tmp_path):
    toy, mark = Toy(then=stop_when_started), tmp_path / "mark"
    with pytest.raises(StageStoppedError, match="exit code 0"):
        toy.run("checkpoint", str(mark), server=False)
    assert mark.read_text() == "checkpoint"
    assert toy.of("result")["result"] == {"checkpoint": str(mark)}


def test_a_stop_may_come_twice_and_from_a_signal_handler(tmp_path):
    mark = tmp_path / "mark"

    def signal_twice(event, process):
        if event["event"] == "started":
            signal.signal(signal.SIGUSR1, lambda *_: process.stop())
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.getsignal(signal.SIGUSR1)
    toy = Toy(then=signal_twice)
    with pytest.raises(StageStoppedError):
        toy.run("checkpoint", str(mark), server=False)
    signal.signal(signal.SIGUSR1, before)
    assert mark.read_text() == "checkpoint"
    assert toy.lines.count("asked to stop") == 1


def test_a_second_sigterm_does_not_interrupt_the_checkpoint(tmp_path):
    mark = tmp_path / "mark"

    def terminate_twice(event, process):
        if event["event"] == "started":
            process.stop()
            os.killpg(int(event["pid"]), signal.SIGTERM)

    with pytest.raises(StageStoppedError, match="exit code 0"):
        Toy(then=terminate_twice).run("checkpoint", str(mark), server=False)
    assert mark.exists()


def test_a_stage_stopped_before_it_starts_ends_at_once():
    toy = Toy()
    process = StageProcess(
        ["wait"],
        on_event=toy.events.append,
        on_line=toy.lines.append,
        server=False,
        module=TOY,
    )
    process.stop()
    with pytest.raises(StageStoppedError, match="wait: stopped"):
        process.run()


def test_a_child_that_ignores_sigterm_and_prints_without_end_is_killed_after_the_grace():
    toy = Toy(then=stop_when_started)
    with pytest.raises(StageStoppedError, match="SIGKILL"):
        toy.run("stubborn", server=False, grace_s=0.7)
    assert 0.7 < toy.seconds < 20
    assert not is_alive(toy.pid())


class TaskTimeout(BaseException):
    """As Airflow's, which `except Exception` does not see."""


def test_a_timeout_stops_the_child_with_grace_and_is_raised_again(tmp_path):
    mark = tmp_path / "mark"

    def on_alarm(*_):
        raise TaskTimeout

    def set_alarm(event, _process):
        if event["event"] == "started":
            signal.setitimer(signal.ITIMER_REAL, 0.1)

    before = signal.signal(signal.SIGALRM, on_alarm)
    toy = Toy(then=set_alarm)
    try:
        with pytest.raises(TaskTimeout):
            toy.run("checkpoint", str(mark), server=False)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert mark.read_text() == "checkpoint"
    assert not is_alive(toy.pid())


def test_a_callback_that_fails_stops_the_child_and_its_error_is_raised(tmp_path):
    def fail(event, _process):
        raise ConnectionError(f"no one takes {event['event']}")

    toy = Toy(then=fail)
    with pytest.raises(ConnectionError, match="no one takes started"):
        toy.run("wait", server=False)
    assert eventually(lambda: not is_alive(toy.pid()))


def test_a_flooding_stage_is_cut_to_a_bearable_log_and_its_end_is_kept():
    toy = Toy()
    toy.run("flood", server=False)
    assert 2000 <= len(toy.lines) < 4000
    assert toy.lines[:2] == ["line 0", "line 1"]
    assert toy.lines[-2:] == ["half a bar", "whole bar"]
    assert any("lines omitted" in line for line in toy.lines)


def test_no_file_descriptor_is_left_open(tmp_path):
    Toy().run("done", server=False)
    before = open_fds()
    Toy().run("done", server=False)
    with pytest.raises(SourceNotReadyError, match="growing"):
        Toy().run("transient", server=False)
    assert open_fds() == before


@pytest.mark.slow
def test_a_dask_cluster_left_open_leaves_no_worker_and_no_airflow_in_it():
    toy = Toy()
    ended = toy.run("cluster", server=False)
    assert ended.result == {"airflow": False}
    assert eventually(lambda: not is_alive(toy.of("started")["worker"]))


def test_by_hand_a_stage_logs_and_ends_with_the_errors_code(caplog):
    """Without a parent there is no pipe: the same call writes to the log."""
    pid = os.fork()
    if pid == 0:

        def work(sink):
            raise ConfigError("train.epochs must be above 0; got -1")

        run_child(work, name="toy")
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 2
