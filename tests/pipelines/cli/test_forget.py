"""``forget`` as a person runs it: what it says, and that a kill of it can be mended by it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipelines.api.planted import NUMBER
from tests.pipelines.drivers.erasure.forgetting import GONE, files_of, made

ROOT = Path(__file__).parents[3]
DECLARATION = """from tests.pipelines.api.planted import planted

PIPELINE = planted()
"""


def command(root, *given):
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "pipelines/planted.py").write_text(DECLARATION)
    env = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "MILLRACE_PIPELINES": str(root / "pipelines"),
    }
    argv = [
        sys.executable,
        "-m",
        "pipelines",
        "forget",
        "planted",
        "--store",
        str(root / "store"),
        *given,
    ]
    return {
        "args": argv,
        "env": env,
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }


def forget(root, *given, key=None):
    return subprocess.run(**command(root, *given), input=key, check=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return made(tmp_path_factory.mktemp("stores"))


def test_a_patient_is_erased_by_a_command_that_does_not_print_it(store):
    before = files_of(store)
    dry = forget(store, "--entity", "patient", "--key", str(GONE), "--dry-run")
    assert dry.returncode == 0
    assert "would be rewritten without it: 8 artifacts" in dry.stdout
    assert files_of(store) == before
    done = forget(store, "--entity", "patient", "--key", "-", key=f"{GONE}\n")
    assert done.returncode == 0
    assert "rewritten without it: 8 artifacts\n  ingested/table=patients/ds=all" in done.stdout
    assert "not reached:\n  the source" in done.stdout
    again = forget(store, "--entity", "patient", "--key", str(GONE))
    assert "nothing that is published holds it" in again.stdout
    wrong = forget(store, "--entity", "patient", "--key", "PLANTED")
    assert wrong.returncode == 2
    assert "must be an integer" in wrong.stdout
    for ended in (dry, done, again, wrong):
        assert str(GONE) not in ended.stdout
        assert "PLANTED" not in ended.stdout


@pytest.mark.slow
def test_a_command_that_is_killed_at_any_time_is_finished_by_the_next(tmp_path):
    import millrace

    root = made(tmp_path)
    for n in range(8):
        ended = subprocess.Popen(
            **command(root, "--entity", "patient", "--key", str(NUMBER + n))
        )
        time.sleep(1.5 + n * 0.7)
        ended.send_signal(signal.SIGKILL)
        ended.communicate()
        assert not millrace.verify(root / "store")["damaged"]
    for n in range(8):
        assert forget(root, "--entity", "patient", "--key", str(NUMBER + n)).returncode == 0
    assert not millrace.verify(root / "store")["damaged"]
    left = [p for p in (root / "store").rglob("*") if p.name.startswith(".staging")]
    assert left == []
