"""A cluster on this machine's GPUs: it starts, computes with CuPy, and splits what does not fit."""

from dataclasses import dataclass

import pytest

from pipelines.shared.compute import ComputeSettings, open_compute
from pipelines.shared.compute.backend import CUDA_PACKAGES
from pipelines.shared.compute.machine import visible_gpu_count
from pipelines.shared.compute.splitting import Splittable

pytestmark = pytest.mark.gpu(*CUDA_PACKAGES)
ON_GPUS = ComputeSettings(in_process_below_rows=0)


@dataclass(frozen=True, slots=True)
class Share(Splittable):
    """Some of a whole that is larger than a device by half."""

    parts: int
    array_module: str = "cupy"

    def split(self):
        return [Share(self.parts // 2)] * 2

    def join(self, results):
        return sum(results)


def filled(share):
    """Fill that share of one and a half devices; in how many tasks it was done."""
    if share.array_module == "numpy":
        return 100
    import cupy

    _, total = cupy.cuda.runtime.memGetInfo()
    held = cupy.ones(total * 3 // 2 * share.parts // 8, cupy.uint8)
    assert int(held[-1]) == 1
    return 1


def module_of(_item):
    import cupy

    values = cupy.arange(10)
    return type(values).__module__.split(".")[0], int(values.sum())


def test_a_worker_a_gpu_computes_with_cupy():
    with open_compute(1, ON_GPUS) as compute:
        assert compute.workers == visible_gpu_count()
        assert compute.array_module == "cupy"
        assert compute.map(module_of, range(4)) == [("cupy", 45)] * 4


def test_a_task_larger_than_a_device_is_split_until_it_fits():
    with open_compute(1, ON_GPUS) as compute:
        assert compute.map(filled, [Share(8)])[0] in (2, 3, 4)
        assert compute.map(module_of, [0]) == [("cupy", 45)], "the pool serves on"
