"""Choosing devices, with an NVML of our own where there is no GPU."""

import sys
from types import SimpleNamespace

import pytest

from pipelines.core.errors import ConfigError
from pipelines.shared.compute.machine import visible_gpu_count
from pipelines.stages.train.devices import Devices, choose_devices


class NVMLError(Exception):
    pass


def nvml(count):
    """A driver with so many GPUs; None for no driver."""

    def init():
        if count is None:
            raise NVMLError("Driver Not Loaded")

    return SimpleNamespace(NVMLError=NVMLError, nvmlInit=init, nvmlDeviceGetCount=lambda: count)


@pytest.mark.parametrize(
    ("gpus", "mask", "visible"),
    [
        (None, None, 0),
        (0, None, 0),
        (4, None, 4),
        (4, "", 0),
        (4, "-1", 0),
        (4, "2", 1),
        (4, "0,3", 2),
        (4, "0,-1,3", 1),
        (4, "0,9,1", 1),
        (4, "GPU-8f6c,GPU-11aa", 2),
        (4, "MIG-5", 1),
    ],
)
def test_gpus_are_counted_as_cuda_would_show_them(monkeypatch, gpus, mask, visible):
    monkeypatch.setitem(sys.modules, "pynvml", nvml(gpus))
    if mask is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert visible_gpu_count() == visible


def test_no_nvml_means_no_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert visible_gpu_count() == 0


@pytest.mark.parametrize(
    ("replicas", "gpus", "chosen"),
    [
        (0, 0, Devices("cpu", 1)),
        (1, 0, Devices("cpu", 1)),
        (2, 0, Devices("cpu", 2)),
        (0, 3, Devices("gpu", 3)),
        (2, 3, Devices("gpu", 2)),
    ],
)
def test_replicas_are_gpus_where_there_are_any_else_logical_cpus(replicas, gpus, chosen):
    assert choose_devices(replicas, gpus) == chosen


def test_more_replicas_than_gpus_are_refused():
    with pytest.raises(
        ConfigError, match=r"training.replicas=4, and 2 GPUs are visible. Use 2 or"
    ):
        choose_devices(4, 2)
