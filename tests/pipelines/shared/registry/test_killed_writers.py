"""What killed writers, other users, locks, full disks and damage leave of a registry, and its readers."""

import os
import pickle
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import ArtifactError, PermanentError, PipelineError, TransientError
from pipelines.shared.registry import Registered, read_registry, sqlite
from pipelines.stages.promote.champion import Registry
from tests.pipelines.shared.registry.two_models import register_two_models

ROOT = Path(__file__).resolve().parents[4]
WRITER = Path(__file__).with_name("killed_writer.py")
NOBODY = 65534


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A registry of two models; of ``fraud``, versions 1 and 3 were champion."""
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    uri = f"sqlite:///{path}"
    register_two_models(uri)
    return path


@pytest.fixture
def registry(made, tmp_path):
    """A copy of it, in a folder whose name a URI must quote."""
    folder = tmp_path / "50% of #1"
    folder.mkdir()
    return Path(shutil.copy(made, folder / "mlflow.db"))


def read(path):
    return read_registry(f"sqlite:///{path}", "fraud")


def killed(path, mode="delete", moment="before"):
    """Have a writer killed, and see to it that it had written."""
    before = path.read_bytes()
    ran = subprocess.run([sys.executable, WRITER, path, mode, moment], check=False)
    assert ran.returncode == -signal.SIGKILL
    left = Path(f"{path}{'-journal' if mode == 'delete' else '-wal'}")
    assert left.stat().st_size > 10_000
    assert mode == "wal" or path.read_bytes() != before
    return left


def test_a_journal_left_inside_a_commit_is_rolled_back_by_the_next_reader(registry):
    held = read(registry)
    left = killed(registry)
    assert read(registry) == held
    assert held.champions == (1, 3)
    assert not left.exists()
    Registry(f"sqlite:///{registry}", "fraud").promote(2)
    assert read(registry).champions == (1, 3, 2)


@pytest.mark.parametrize(("moment", "champions"), [("before", (1, 3)), ("after", (1, 3, 2))])
def test_committed_transactions_of_a_write_ahead_log_are_read(registry, moment, champions):
    killed(registry, "wal", moment)
    assert read(registry).champions == champions


def as_another_user(path, look):
    """What ``look`` gives to a user who may read the database and change nothing beside it."""
    if os.geteuid() != 0:
        path.parent.chmod(0o555)
        try:
            return look()
        finally:
            path.parent.chmod(0o755)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                answer = look()
            except Exception as error:
                answer = error
            os.write(write_end, pickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        answer = pickle.load(pipe)
    os.waitpid(child, 0)
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.fixture
def read_only(made):
    """The registry where every user may read it, and only its owner may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(shutil.copy(made, f"{folder}/mlflow.db"))
        yield path


def closed(path):
    for each in path.parent.iterdir():
        each.chmod(0o444)
    return path


@pytest.mark.parametrize(
    ("mode", "moment", "champions"),
    [
        (None, None, (1, 3)),
        ("delete", "before", (1, 3)),
        ("wal", "before", (1, 3)),
        ("wal", "after", (1, 3, 2)),
    ],
)
def test_a_reader_without_the_right_to_write_sees_the_same(read_only, mode, moment, champions):
    if mode:
        killed(read_only, mode, moment)
    Path(f"{read_only}-shm").unlink(missing_ok=True)
    before = {p.name: p.read_bytes() for p in closed(read_only).parent.iterdir()}
    left = set(Path(tempfile.gettempdir()).glob("millrace-registry-*"))
    assert as_another_user(read_only, lambda: read(read_only)).champions == champions
    assert {p.name: p.read_bytes() for p in read_only.parent.iterdir()} == before
    assert set(Path(tempfile.gettempdir()).glob("millrace-registry-*")) == left


def test_who_may_not_read_it_is_reported_what_is_needed(read_only):
    read_only.chmod(0o600)
    if os.geteuid() != 0:
        read_only.chmod(0)
    with pytest.raises(PermanentError, match=r"cannot be opened, or not written, by this user"):
        as_another_user(read_only, lambda: read(read_only))


def test_a_registry_that_is_being_written_is_waited_for(registry):
    held = read(registry)
    with closing(sqlite3.connect(registry, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        found = []
        reader = threading.Thread(target=lambda: found.append(read(registry)))
        reader.start()
        reader.join(0.3)
        assert reader.is_alive()
        writer.execute("ROLLBACK")
        reader.join(30)
    assert found == [held]


def test_a_lock_that_stays_is_transient_for_a_writer_too(registry, monkeypatch, capfd):
    from mlflow.store.db import utils

    text, own = utils.sql.text, Registry(f"sqlite:///{registry}", "fraud")
    monkeypatch.setattr(  # MLflow waits 20 s
        utils.sql, "text", lambda query: text(query.replace("20000", "200"))
    )
    with closing(sqlite3.connect(registry, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")  # who only reads is not held up
        with pytest.raises(TransientError, match=r"was still locked by another process"):
            own.promote(2)
    assert "Traceback" not in capfd.readouterr().err
    own.promote(2)
    assert read(registry).champions == (1, 3, 2)


def test_a_lock_that_stays_is_transient_and_says_how_long_it_was_waited_for(
    registry, monkeypatch
):
    monkeypatch.setattr(sqlite, "WAIT_S", 0.2)
    with closing(sqlite3.connect(registry, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        reported = r"mlflow.db was still locked by another process after \d+ s .* fuser /"
        with pytest.raises(TransientError, match=reported):
            read(registry)


@pytest.mark.parametrize("content", [b"no database, " * 999, b"SQLite format 3\0" + b"?" * 999])
def test_a_damaged_registry_says_what_to_do(tmp_path, content):
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"is damaged: .*run promote again for the as-of"):
        read(path)
    with pytest.raises(ArtifactError, match=r"is damaged: .* Restore a backup"):
        Registry(f"sqlite:///{path}", "fraud").promote(1)


def models(path):
    argv = [sys.executable, "-m", "pipelines", "models", "fraud_detection"]
    argv += ["--store", path.parent, "--json"]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_line_lists_past_a_killed_writer_and_reports_damage_in_a_sentence(registry):
    killed(registry)
    listed = models(registry)
    assert (listed.returncode, listed.stdout) == (0, '{"versions": []}\n')
    registry.write_bytes(b"no database, " * 999)
    reported = models(registry)
    assert reported.returncode == 3
    assert reported.stderr.startswith(f"error: The registry {registry} is damaged: ")
    assert len(reported.stderr.splitlines()) == 1


def test_any_damage_is_read_as_something_or_reported_as_an_error_of_ours(registry):
    """Flipped bytes and truncations anywhere: never an error that names only Python's class."""
    whole, draw = registry.read_bytes(), np.random.default_rng(11)
    reported = []
    for _ in range(150):
        spoilt = bytearray(whole)
        for offset in draw.integers(0, len(whole), draw.integers(1, 400)):
            spoilt[offset] = draw.integers(256)
        cut = draw.integers(1, len(whole)) if draw.random() < 0.3 else len(whole)
        registry.write_bytes(spoilt[:cut])
        try:
            assert isinstance(read(registry), Registered)
        except PipelineError as error:
            reported.append(str(error))
    assert len(reported) > 20
    assert all(str(registry) in each for each in reported)


def test_tags_that_somebody_wrote_by_hand_are_read_for_what_is_in_them(registry):
    with closing(sqlite3.connect(registry)) as hand, hand:
        hand.execute("UPDATE registered_model_tags SET value='nobody knows'")
        hand.execute(
            "UPDATE registered_model_tags SET key='champions' WHERE key='champion_0001'"
        )
        hand.execute("UPDATE registered_model_tags SET value='1, two,3' WHERE key='champions'")
    held = read(registry)
    assert (held.champions, held.taken) == ((1, 3), 2)
