"""What this program writes is its user's alone, and what others may have planted is not used."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.errors import ConfigError
from pipelines.core.rights import chosen_umask, private_folder
from pipelines.core.store import Store
from pipelines.process import server_address
from pipelines.shared.compute.gpus import own_gpus

ROOT = Path(__file__).resolve().parents[3]


def planted_by_another_user(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    path.mkdir(mode=0o700)
    os.chown(path, 65534, 65534)


def planted_as_a_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.mkdir(mode=0o700)
    path.symlink_to(target)


def left_open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def no_folder(path: Path) -> None:
    path.write_text("")


USES = {
    "cache": lambda: Store("s3://bucket/store").root,
    "gpus": lambda: own_gpus().__enter__(),
    "": server_address.directory,
}


@pytest.mark.parametrize(
    "plant", [planted_by_another_user, planted_as_a_link, left_open_to_all]
)
@pytest.mark.parametrize("kind", list(USES))
def test_a_planted_temporary_folder_is_not_used(tmp_path, monkeypatch, plant, kind):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("pipelines.shared.compute.gpus.visible_gpus", lambda: ["0", "1"])
    name = "-".join(["millrace", *([kind] if kind else []), str(os.geteuid())])
    plant(tmp_path / name)
    with pytest.raises(
        ConfigError, match=rf"{name} is a .* expected a folder of user .*TMPDIR"
    ):
        USES[kind]()


def test_a_file_instead_of_a_folder_is_reported_as_one(tmp_path):
    no_folder(tmp_path / "x")
    with pytest.raises((ConfigError, FileExistsError), match="x"):
        private_folder(tmp_path / "x")


def test_a_cache_is_made_private_and_one_that_others_could_read_becomes_so(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = Store("memory://store").root.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert Store("memory://store").root.parent == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("text", "mask"), [("", 0o077), ("077", 0o077), ("007", 7), ("22", 0o022), ("0", 0)]
)
def test_the_umask_is_the_owners_alone_unless_it_is_set(text, mask):
    assert chosen_umask({"MILLRACE_UMASK": text}) == mask
    assert chosen_umask({}) == 0o077


@pytest.mark.parametrize("text", ["777", "0o77", "-7", "rwx", "8", "100", " "])
def test_a_umask_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=r"MILLRACE_UMASK is .* expected octal digits"):
        chosen_umask({"MILLRACE_UMASK": text})


def test_a_command_writes_as_the_umask_says_whatever_the_shells_is(tmp_path):
    argv = ["simulate", "fraud_detection", "--from", "2026-01-01", "--to", "2026-01-01"]
    subprocess.run(
        [sys.executable, "-m", "pipelines", *argv, "--out", tmp_path / "made"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "MILLRACE_UMASK": "027"},
        umask=0,
        check=True,
        capture_output=True,
    )
    made = [tmp_path / "made", *(tmp_path / "made").rglob("*")]
    assert len(made) > 2
    for path in made:
        wanted = 0o750 if path.is_dir() else 0o640
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
