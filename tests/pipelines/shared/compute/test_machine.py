import os
import sys
import types

import pytest

from pipelines.shared.compute.machine import (
    Machine,
    this_machine,
    usable_cores,
    usable_memory_bytes,
    visible_gpu_count,
)


def test_this_machine_has_at_least_a_core_and_some_memory():
    machine = this_machine()
    assert 1 <= machine.cores <= os.cpu_count()
    assert machine.memory_bytes > 100 * 2**20


@pytest.mark.parametrize(
    ("text", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)]
)
def test_a_cgroup_quota_caps_the_cores_and_never_below_one(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path) == (cores or len(os.sched_getaffinity(0)))


def test_an_old_cgroup_quota_is_honoured_too(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == 1


def test_no_cgroup_leaves_the_affinity(tmp_path):
    assert usable_cores(tmp_path / "none") == len(os.sched_getaffinity(0))


def test_memory_is_the_cgroup_limit_where_that_is_less(tmp_path):
    physical = usable_memory_bytes(tmp_path)
    (tmp_path / "memory.max").write_text("1048576\n")
    assert usable_memory_bytes(tmp_path) == 1_048_576
    (tmp_path / "memory.max").write_text("max\n")
    assert usable_memory_bytes(tmp_path) == physical


def _nvml(count, fails=False):
    module = types.ModuleType("pynvml")
    module.NVMLError = type("NVMLError", (Exception,), {})

    def init():
        if fails:
            raise module.NVMLError("no driver")

    module.nvmlInit, module.nvmlDeviceGetCount = init, lambda: count
    return module


@pytest.mark.parametrize(
    ("mask", "count"),
    [
        (None, 4),
        ("", 0),
        ("-1", 0),
        ("0,2", 2),
        ("0,-1,1", 1),
        ("0,9,1", 1),
        ("GPU-abc,MIG-def", 2),
    ],
)
def test_the_driver_counts_gpus_and_the_mask_hides_them_as_cuda_does(monkeypatch, mask, count):
    monkeypatch.setitem(sys.modules, "pynvml", _nvml(4))
    if mask is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert visible_gpu_count() == count


def test_no_driver_means_no_gpu_whatever_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", _nvml(4, fails=True))
    assert visible_gpu_count() == 0
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert visible_gpu_count() == 0


def test_a_machine_is_plain_values():
    assert Machine(cores=2, memory_bytes=1, gpus=0) == Machine(cores=2, memory_bytes=1, gpus=0)
