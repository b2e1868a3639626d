"""Parting GPUs among processes, on a machine of our own making; the locks are real."""

import fcntl
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pipelines.shared.compute import gpus
from pipelines.shared.compute.gpus import MASK, own_gpus

HOLDER = """
import sys, fcntl
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machine(monkeypatch):
    """A driver with so many GPUs."""

    def has(count, mask=None):
        driver = SimpleNamespace(
            NVMLError=OSError, nvmlInit=lambda: None, nvmlDeviceGetCount=lambda: count
        )
        monkeypatch.setitem(sys.modules, "pynvml", driver)
        monkeypatch.delenv(MASK, raising=False)
        if mask is not None:
            monkeypatch.setenv(MASK, mask)

    return has


def test_holders_side_by_side_have_a_gpu_each_and_see_no_other(machine, tmp_path):
    machine(3, mask="2,0")
    with own_gpus(1, tmp_path) as first:
        assert (first, os.environ[MASK]) == (("2",), "2")
        machine(3, mask="2,0")  # as another process sees it
        with own_gpus(1, tmp_path) as second:
            assert (second, os.environ[MASK]) == (("0",), "0")
        assert os.environ[MASK] == "2,0"


def test_without_a_second_gpu_nothing_is_locked_and_the_mask_stays(machine, tmp_path):
    for count, mask in ((0, None), (1, None), (4, "3"), (4, "-1")):
        machine(count, mask)
        with own_gpus(1, tmp_path) as held:
            assert held == ()
            assert os.environ.get(MASK) == mask
    assert list(tmp_path.iterdir()) == []


def test_who_finds_too_few_free_holds_none_while_it_waits(machine, tmp_path, monkeypatch):
    machine(2)
    argv = [sys.executable, "-c", HOLDER, str(tmp_path / "0.lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        waits = []

        def wait(_s):
            waits.append(1)
            with (tmp_path / "1.lock").open("w") as other:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            holder.kill()
            holder.wait(60)

        monkeypatch.setattr(gpus, "time", SimpleNamespace(sleep=wait))
        with own_gpus(2, tmp_path) as held:
            assert held == ("0", "1")
    assert waits == [1]


def test_a_killed_holder_gives_its_gpu_back(machine, tmp_path):
    machine(2)
    argv = [sys.executable, "-c", HOLDER, str(tmp_path / "0.lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with own_gpus(1, tmp_path) as held:
            assert held == ("1",)
        holder.kill()
        holder.wait(60)
        machine(2)
        with own_gpus(2, tmp_path) as held:
            assert held == ("0", "1")
