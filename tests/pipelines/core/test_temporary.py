"""A stage's own temporary folder: gone after its end, after a kill, and never while it lives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.temporary import sweep
from tests.pipelines.process.following import Toy

ROOT = Path(__file__).resolve().parents[3]
LEAVES = """
import sys, tempfile
from pipelines.core.temporary import drop_own_folder, host_folder, use_own_folder
from pipelines.core.store import Store
host = tempfile.gettempdir()
folder = use_own_folder()
tempfile.NamedTemporaryFile(delete=False, prefix="__autograph_generated_file", suffix=".py")
assert tempfile.gettempdir() == str(folder) and folder.stat().st_mode & 0o777 == 0o700
assert str(host_folder()) == host
assert Store("s3://bucket/x").root.is_relative_to(host) and not folder.samefile(host)
assert not Store("s3://bucket/x").root.is_relative_to(folder)
print(folder, flush=True)
sys.stdin.readline()
drop_own_folder()
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A machine's temporary folder."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path / "tmp"


def started():
    child = subprocess.Popen(
        [sys.executable, "-c", LEAVES],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return child, Path(child.stdout.readline().strip())


def test_a_folder_lives_as_long_as_its_process_and_is_swept_after_a_kill(host):
    (lives, kept), (dies, left) = started(), started()
    dies.kill()
    dies.wait()
    assert list(left.iterdir())
    sweep()
    assert not left.exists()
    assert list(kept.iterdir())
    lives.communicate("\n")
    assert lives.returncode == 0
    assert [path for path in host.iterdir() if path.name.startswith("millrace-stage-")] == []


def test_a_sweep_leaves_what_is_no_folder_of_a_stage(host):
    elsewhere = host.with_name("elsewhere")
    elsewhere.mkdir()
    name = f"millrace-stage-{os.geteuid()}-"
    (host / f"{name}link").symlink_to(elsewhere)
    (host / f"{name}file").write_text("x")
    (host / "other").mkdir()
    sweep()
    assert len(list(host.iterdir())) == 3
    assert elsewhere.exists()


@pytest.mark.parametrize("server", [False, True])
def test_whoever_started_a_stage_removes_its_folder_when_it_was_killed(host, server):
    with pytest.raises(Exception, match="killed"):
        Toy().run("kill", str(int(signal.SIGKILL)), server=server)
    assert [path for path in host.iterdir() if path.name.startswith("millrace-stage-")] == []
