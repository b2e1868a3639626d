import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.core.errors import (
    ColumnMismatchError,
    OutOfMemoryError,
    PermanentError,
    StageStoppedError,
    WorkerLostError,
)
from pipelines.core.installation import LIBRARY
from pipelines.process import wire
from tests.pipelines.process.following import (
    Toy,
    address_of_server,
    bare_server,
    eventually,
    is_alive,
    open_fds,
    stop_when_started,
)


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    process = bare_server()
    yield process
    process.terminate()
    process.wait(10)


def run_both(*argvs: tuple[str, ...]) -> list[Toy]:
    toys = [Toy() for _ in argvs]
    threads = [
        threading.Thread(target=toy.run, args=argv)
        for toy, argv in zip(toys, argvs, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return toys


def test_a_fork_returns_the_same_as_a_new_interpreter(server):
    toy = Toy()
    ended = toy.run("done", "one")
    assert ended.forked
    assert ended.result == {"rows": 10, "words": ["one"]}
    assert [event["event"] for event in toy.events] == [
        "started",
        "progress",
        "result",
        "usage",
    ]
    assert toy.lines == [f"hello from {toy.pid()} one"]
    assert ended.cpu_seconds > 0
    assert ended.peak_memory_bytes > 5 << 20


def test_a_fork_gets_its_own_environment_and_folder(server, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    result = Toy().run("environment", env={"DASK_X": "1"}).result
    assert result["env"]["TZ"] == "Asia/Tokyo"
    assert result["env"]["DASK_X"] == "1"
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in result["env"]
    assert "MILLRACE_EVENTS_FD" not in result["env"]
    assert (result["cwd"], result["argv"]) == (str(LIBRARY), ["environment"])


def test_two_forks_draw_different_random_numbers(server):
    first, second = (Toy().run("draw").result for _ in range(2))
    assert first["python"] != second["python"]
    assert first["numpy"] != second["numpy"]


def test_two_stages_run_at_the_same_time(server, tmp_path):
    waiting = Toy(then=lambda event, process: Toy().run("done") and process.stop())
    with pytest.raises(StageStoppedError):
        waiting.run("wait", str(tmp_path / "mark"))
    first, second = run_both(("done", "a"), ("done", "b"))
    assert first.of("result")["result"]["words"] == ["a"]
    assert second.of("result")["result"]["words"] == ["b"]


def test_errors_and_kills_of_a_fork_mean_the_same(server):
    with pytest.raises(ColumnMismatchError, match="missing: amount"):
        Toy().run("permanent")
    with pytest.raises(OutOfMemoryError, match="SIGKILL"):
        Toy().run("kill", "9")


def test_a_fork_that_is_stopped_finishes_its_checkpoint(server, tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(StageStoppedError, match="exit code 0"):
        Toy(then=stop_when_started).run("checkpoint", str(mark))
    assert mark.read_text() == "checkpoint"


def test_a_fork_that_ignores_sigterm_is_killed_after_the_grace(server):
    toy = Toy(then=stop_when_started)
    with pytest.raises(StageStoppedError, match="SIGKILL"):
        toy.run("stubborn", grace_s=0.5)
    assert not is_alive(toy.pid())


def test_the_server_outlives_requests_that_come_as_the_child_ends(server):
    def stop_at_the_end(event, process):
        if event["event"] == "usage":
            process.stop()

    for _ in range(30):
        with pytest.raises(StageStoppedError):
            Toy(then=stop_at_the_end).run("done")
    assert Toy().run("done").forked
    assert server.poll() is None


def test_what_a_fork_started_ends_with_it(server, tmp_path):
    toy = Toy(then=stop_when_started)
    with pytest.raises(StageStoppedError):
        toy.run("wait", str(tmp_path / "mark"))
    assert eventually(lambda: not is_alive(toy.of("started")["grandchild"]))


def test_an_edited_stage_is_the_stage_that_runs(tmp_path):
    env = {"PYTHONPATH": f"{LIBRARY}:{tmp_path}"}
    server = bare_server(env=env)
    for word in ("first", "second"):
        (tmp_path / "edited.py").write_text(
            f"import sys; print({word!r}, [m for m in sys.modules if m[:9] == 'pipelines'])"
        )
        with pytest.raises(PermanentError, match=rf"{word} \[\]"):
            Toy().run(module="edited", env=env)
    server.terminate()
    server.wait(10)


def test_the_server_keeps_no_file_descriptor_of_a_stage_that_ended(server):
    def fds() -> int:
        return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))

    before, ours = fds(), open_fds()
    run_both(("done",), ("done",))
    with pytest.raises(OutOfMemoryError):
        Toy().run("kill", "9")
    assert eventually(lambda: fds() == before)
    assert open_fds() == ours


def test_a_killed_server_takes_its_stages_with_it_and_the_next_one_runs(server):
    def kill_server(event, _process):
        if event["event"] == "started":
            server.kill()

    toy = Toy(then=kill_server)
    with pytest.raises(WorkerLostError, match="the fork server went away"):
        toy.run("wait")
    assert eventually(lambda: not is_alive(toy.pid()))
    assert eventually(lambda: not is_alive(toy.of("started")["grandchild"]))
    server.wait(10)
    assert address_of_server().socket.exists()  # stale: no process listens
    other = bare_server()
    assert Toy().run("done").forked
    other.kill()
    other.wait(10)


def test_an_idle_server_ends_and_takes_its_socket_away():
    server = bare_server(idle_s=0.2)
    assert Toy().run("done").forked
    assert server.wait(10) == 0
    assert not address_of_server().socket.exists()


def test_a_server_whose_socket_is_removed_ends_when_its_stages_have():
    server = bare_server()

    def remove(event, _process):
        if event["event"] == "started":
            address_of_server().socket.unlink()

    assert Toy(then=remove).run("done").forked
    assert server.wait(10) == 0


def test_a_server_whose_socket_is_replaced_leaves_the_new_one_alone():
    old = bare_server()
    new = bare_server()
    assert old.wait(10) == 0
    assert Toy().run("done").forked
    new.terminate()
    assert new.wait(10) == 0


def test_stop_ends_the_server_and_the_stage_in_it(server):
    """What Ctrl-C of the local stack calls."""
    stop = [sys.executable, "-m", "pipelines.process.server", "--stop"]

    def stop_servers(event, _process):
        if event["event"] == "started":
            subprocess.Popen(stop, cwd=LIBRARY, stderr=subprocess.DEVNULL)

    toy = Toy(then=stop_servers)
    with pytest.raises(StageStoppedError, match="wait: stopped"):
        toy.run("wait")
    assert server.wait(10) == 0
    assert not is_alive(toy.pid())
    assert eventually(lambda: not is_alive(toy.of("started")["grandchild"]))
    output = subprocess.run(stop, cwd=LIBRARY, capture_output=True, text=True, check=True)
    assert "fork servers stopped: 0" in output.stderr


@contextmanager
def parent(mode: str, *argv: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """A parent to kill, and its stage's `started` event."""
    command = [sys.executable, "-m", "tests.pipelines.process.toy_parent", mode, *argv]
    process = subprocess.Popen(command, cwd=LIBRARY, stdout=subprocess.PIPE, text=True)
    events = (json.loads(line) for line in process.stdout)
    yield process, next(event for event in events if event["event"] == "started")
    process.kill()
    process.wait(10)
    process.stdout.close()


@pytest.mark.parametrize("mode", ["server", "spawn"])
def test_a_killed_parent_takes_its_stage_with_it(server, mode, tmp_path):
    with parent(mode, "checkpoint", str(tmp_path / "mark")) as (process, started):
        process.kill()
        assert eventually(lambda: not is_alive(started["pid"]))


@pytest.mark.parametrize("mode", ["server", "spawn"])
def test_a_plain_process_that_a_stage_started_ends_with_the_killed_parent_too(server, mode):
    with parent(mode, "wait") as (process, started):
        assert is_alive(started["grandchild"])
        process.kill()
        assert eventually(lambda: not is_alive(started["pid"]))
        assert eventually(lambda: not is_alive(started["grandchild"]))


def test_a_fork_whose_parent_was_killed_still_writes_its_checkpoint(server, tmp_path):
    mark = tmp_path / "mark"
    with parent("server", "checkpoint", str(mark)) as (process, started):
        process.kill()
        assert eventually(lambda: not is_alive(started["pid"]))
    assert mark.read_text() == "checkpoint"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["server", "spawn"])
def test_a_stage_in_a_long_c_call_dies_with_its_killed_parent(server, mode):
    with parent(mode, "stuck") as (process, started):
        process.kill()
        assert eventually(lambda: not is_alive(started["pid"]))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["server", "spawn"])
def test_dask_workers_end_with_a_killed_parent(server, mode):
    with parent(mode, "cluster_wait") as (process, started):
        process.kill()
        assert eventually(lambda: not is_alive(started["pid"]))
        assert eventually(lambda: not is_alive(started["worker"]))


def test_a_server_that_answers_nonsense_is_replaced_by_a_new_interpreter():
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address_of_server().socket))
        listener.listen()
        threading.Thread(target=_answer_nonsense, args=(listener,), daemon=True).start()
        toy = Toy()
        ended = toy.run("done")
    assert not ended.forked
    assert "[fork server not used, a new interpreter is: the server answered" in toy.lines[0]
    assert len(toy.lines) == 2


def _answer_nonsense(listener: socket.socket) -> None:
    conn, _ = listener.accept()
    _, fds = wire.receive(conn)
    wire.send(conn, {"hello": "world"})
    for fd in fds:
        os.close(fd)
    conn.close()


def test_a_folder_that_others_may_write_into_is_not_trusted(own_servers):
    folder = own_servers / "millrace"
    folder.mkdir()
    folder.chmod(0o777)
    toy = Toy()
    assert not toy.run("done").forked
    assert "millrace is a folder of user" in toy.lines[0]
    assert "with mode 777; expected a folder of user" in toy.lines[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_even_where_the_socket_is_open_to_all(server, own_servers):
    path = address_of_server().socket
    for opened, mode in ((own_servers, 0o711), (path.parent, 0o711), (path, 0o777)):
        opened.chmod(mode)
    as_nobody = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "conn = socket.socket(socket.AF_UNIX); conn.connect(sys.argv[1])\n"
        "print(conn.recv(4096)[4:].decode())\n"
    )
    output = subprocess.check_output([sys.executable, "-c", as_nobody, path], text=True)
    assert (
        "belongs to user 65534; only processes of user 0 are accepted"
        in json.loads(output)["refused"]
    )
    path.parent.chmod(0o700)
    assert Toy().run("done").forked


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_server_of_another_user_is_not_asked(own_servers):
    path = address_of_server().socket
    own_servers.chmod(0o711)
    path.parent.chmod(0o777)
    as_nobody = (
        "import os, socket, sys, time; os.setgid(65534); os.setuid(65534)\n"
        "listener = socket.socket(socket.AF_UNIX); listener.bind(sys.argv[1])\n"
        "os.chmod(sys.argv[1], 0o777); listener.listen(); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", as_nobody, path]) as planted:
        assert eventually(path.exists)
        path.parent.chmod(0o700)
        toy = Toy()
        assert not toy.run("done").forked
        planted.kill()
    assert f"process {planted.pid} at the other end belongs to user 65534" in toy.lines[0]


def test_a_server_that_cannot_start_is_tried_once_and_reported(tmp_path):
    (tmp_path / "numpy.py").write_text("raise RuntimeError('numpy is broken')")
    env = {"PYTHONPATH": f"{tmp_path}:{LIBRARY}"}
    first, second = Toy(), Toy()
    assert not first.run("done", env=env).forked
    assert not second.run("done", env=env).forked
    assert "numpy is broken" in first.lines[0]
    assert "tried" in second.lines[0]


@pytest.mark.slow
def test_the_real_server_has_one_thread_and_its_forks_have_the_libraries():
    """Started on demand over the socket of a server that died."""
    socket_path = address_of_server().socket
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path))
    toys = run_both(("validate",), ("validate",))
    for toy in toys:
        assert toy.of("result")["result"] == {"success": False, "preloaded": True}
        assert toy.of("usage")["cpu_seconds"] < 2
    with socket.socket(socket.AF_UNIX) as conn:
        conn.connect(str(socket_path))
        pid, _ = wire.peer(conn)
    assert len(wire.thread_names(pid)) == 1
    os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: not is_alive(pid))
