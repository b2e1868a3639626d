"""What is seen of a training's process and of its GPUs."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pipelines.shared.tracking.system_metrics import SystemMetrics

BUSY = "import sys; print('on', flush=True); x = bytearray(300 << 20)\nwhile True: pass"


@pytest.fixture
def gpus(monkeypatch):
    """A driver with four GPUs, each as busy as its number says; the fourth reports nothing."""

    def rates(n):
        if n == 3:
            raise OSError("not supported")
        return SimpleNamespace(gpu=10 * n)

    driver = SimpleNamespace(
        NVMLError=OSError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 4,
        nvmlDeviceGetHandleByIndex=lambda n: n,
        nvmlDeviceGetHandleByUUID=lambda name: {"GPU-two": 2}[name],
        nvmlDeviceGetUtilizationRates=rates,
        nvmlDeviceGetMemoryInfo=lambda n: SimpleNamespace(used=n << 30),
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)


def seen(*beside):
    return {n: v for n, v in SystemMetrics(os.getpid()).now().items() if n not in beside}


def test_a_busy_process_is_seen_busy_and_one_that_is_gone_not_at_all():
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        load = SystemMetrics(child.pid)
        while (now := load.now())["memory_bytes"] < 300 << 20 or not now["cpu_percent"]:
            pass
        assert now["memory_bytes"] < 600 << 20
        child.kill()
    assert load.now() == {}
    assert SystemMetrics(child.pid).now() == {}


def test_only_the_gpus_that_a_training_may_use_are_looked_at(gpus, monkeypatch):
    cpu = ("cpu_percent", "memory_bytes")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-two,1,3")
    assert seen(*cpu) == {
        "gpu_GPU-two_percent": 20.0,
        "gpu_GPU-two_memory_bytes": float(2 << 30),
        "gpu_1_percent": 10.0,
        "gpu_1_memory_bytes": float(1 << 30),
    }
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert seen(*cpu) == {}


@pytest.mark.gpu
def test_the_load_of_a_gpu_is_seen():
    found = seen()
    assert 0 <= found["gpu_0_percent"] <= 100
    assert found["gpu_0_memory_bytes"] > 0
