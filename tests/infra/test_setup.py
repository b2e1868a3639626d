"""``infra/setup.py`` on machines that lack something, and a whole installation without a network."""

import ast
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra import setup

ROOT = Path(__file__).resolve().parents[2]
# Nothing listens on the discard port.
NO_NETWORK = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull}


def python_saying(folder: Path, name: str, *, prints: str, code: int = 0) -> str:
    """An executable that answers as an interpreter of that version would."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_an_unsupported_python_is_named_with_its_version_and_what_to_do(tmp_path):
    old = python_saying(tmp_path, "python3.9", prints="3 9 18")
    new = python_saying(tmp_path, "python3.14", prints="3 14 0")
    with pytest.raises(setup.SetupError) as refused:
        setup.find_python([old, new])
    assert str(refused.value) == (
        f"Millrace needs Python 3.11, 3.12 or 3.13 and found none of them ({old} is 3.9.18; "
        f"{new} is 3.14.0). Install one, or name it: make setup PYTHON=/path/to/python3.12"
    )


def test_a_shim_that_leads_nowhere_is_passed_over(tmp_path):
    shim = python_saying(tmp_path, "python3.12", prints="no such version", code=127)
    assert setup.find_python([shim, "/nonexistent/python", sys.executable]) == sys.executable


def test_an_old_python_reads_the_script_and_gets_the_sentence():
    ast.parse((ROOT / "infra" / "setup.py").read_text(), feature_version=(3, 6))


def test_a_folder_that_cannot_be_written_to_is_refused():
    # Refused to root as well, unlike a folder without permissions.
    with pytest.raises(setup.SetupError, match=r"The folder /proc cannot be written to \(.+\)"):
        setup.check_writable(Path("/proc"))


def test_too_little_disk_says_how_much_is_free_and_needed():
    with pytest.raises(setup.SetupError, match=r"Only 3\.2 GB are free .* needs about 8 "):
        setup.check_room(3.2, memory_gb=16)


def test_too_little_memory_says_how_much_there_is_and_needed():
    with pytest.raises(
        setup.SetupError, match=r"There are 2\.0 GB of memory here, .* needs 4\."
    ):
        setup.check_room(100, memory_gb=2)


def test_indexes_of_pip_are_passed_on_and_the_environment_wins_over_files():
    listing = (
        "global.index-url='https://file/simple'\n"
        "global.extra-index-url='file:///a/simple file:///b/simple'\n"
        ":env:.index-url='https://environment/simple'\n"
    )
    config = setup.pip_config(listing)
    assert config == {
        "index-url": "https://environment/simple",
        "extra-index-url": "file:///a/simple file:///b/simple",
    }
    assert setup.pip_config("global.extra-index-url='\\nhttps://a\\nhttps://b'\n") == {
        "extra-index-url": "https://a https://b"
    }


def test_a_lock_with_another_comment_is_the_same_lock(tmp_path):
    (tmp_path / "a.txt").write_text("# made today\nsix==1 \\\n    --hash=sha256:0\n")
    (tmp_path / "b.txt").write_text(
        "# made yesterday\nsix==1 \\\n    --hash=sha256:0\n    # via x\n"
    )
    digests = setup.lock_digests(tmp_path, ["a.txt", "b.txt"])
    assert digests["a.txt"] == digests["b.txt"]


def test_what_was_installed_once_stays_wanted():
    assert setup.wanted_locks({}, dev=False, gpu=False) == [setup.BASE]
    assert setup.wanted_locks({setup.DEV: "x"}, dev=False, gpu=False) == [setup.BASE, setup.DEV]
    assert setup.wanted_locks({setup.GPU: "x"}, dev=True, gpu=False) == [setup.GPU]


def test_no_network_is_reported_as_the_cause(project):
    done = project.set_up(**NO_NETWORK)
    assert done.returncode == 1
    assert (
        "setup: No package index can be reached (http://127.0.0.1:9/simple). "
        "Connect to the network" in done.stderr
    )
    assert not project.is_finished()


def test_a_half_finished_installation_is_made_anew_and_a_finished_one_left_alone(project):
    half = project.root / ".venv" / "half-written"
    half.parent.mkdir()
    half.write_text("")
    first = project.set_up(**project.wheels_only)
    assert first.returncode == 0, first.stderr
    assert (
        "setup: an earlier installation is incomplete, or no longer runs; creating it again"
        in (first.stdout)
    )
    assert not half.exists()
    assert project.run("import tiny; print(tiny.__cached__)").endswith(".pyc")
    again = project.set_up(**project.wheels_only)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_file_that_is_not_the_locked_one_is_not_installed(project):
    lock = project.root / "requirements.txt"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0000")[:-5] + "\n")
    done = project.set_up(**project.wheels_only)
    assert done.returncode == 1
    assert "setup: The libraries could not be installed" in done.stderr
    assert not project.is_finished()


class Project:
    """A project whose one library is a wheel beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "infra").mkdir(parents=True)
        for name in ("setup.py", "uv.txt"):
            shutil.copy(ROOT / "infra" / name, root / "infra" / name)
        wheel = _wheel(root)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (root / "requirements.txt").write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
        self.wheels_only = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(root),
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def set_up(self, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run the script as ``make setup`` does, in an otherwise empty environment."""
        return subprocess.run(
            [sys.executable, "infra/setup.py"],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root), **env},
            capture_output=True,
            text=True,
        )

    def is_finished(self) -> bool:
        return bool(setup.read_stamp(self.root / ".venv"))

    def run(self, code: str) -> str:
        python = str(self.root / ".venv" / "bin" / "python")
        return subprocess.check_output([python, "-B", "-c", code], text=True).strip()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """On a machine of any size: what is needed of disk and memory has tests of its own."""
    made = Project(tmp_path / "project")
    script = made.root / "infra" / "setup.py"
    text = script.read_text()
    for line in ("NEEDED_DISK_GB = 8.0", "NEEDED_MEMORY_GB = 3.5"):
        assert line in text
        text = text.replace(line, line.split(" = ")[0] + " = 0.0")
    script.write_text(text)
    return made


def _wheel(folder: Path) -> Path:
    """The smallest wheel that pip and uv accept."""
    info = "tiny-1.0.dist-info"
    files = {
        "tiny.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},{_record(text)}\n" for name, text in files.items())
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def _record(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256={digest.rstrip('=')},{len(text)}"


def test_the_stamp_is_json_that_names_the_locks(tmp_path):
    setup.write_stamp(tmp_path, {"requirements.txt": "abc"})
    assert json.loads((tmp_path / setup.STAMP).read_text()) == {"requirements.txt": "abc"}
