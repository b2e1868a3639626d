"""A task without memory is split, twice; then it is the CPU's turn; then it is an error.

Memory is refused by the kernel (RLIMIT_AS) and workers are killed by SIGKILL: nothing here
pretends, but for the GPU that this machine may not have.
"""

import logging
import resource
from pathlib import Path

import dask
import numpy as np
import pytest

from pipelines.core.errors import OutOfMemoryError, WorkerLostError
from pipelines.shared.compute import ComputeSettings, Machine, open_compute
from pipelines.shared.compute.graph import calls
from pipelines.shared.compute.splitting import Splittable, on_cpu
from tests.pipelines.shared.compute import tasks
from tests.pipelines.shared.compute.tasks import Slab

TWO = Machine(cores=2, memory_bytes=4 << 30, gpus=0)
NUMBERS = 32 << 20
WHOLE_BYTES = 8 * NUMBERS
EXPECTED = NUMBERS * (NUMBERS - 1) // 2


@pytest.fixture(scope="module", params=["threads", "processes"])
def compute(request):
    # One worker, so that a limit on a process is a limit on one task.
    below = ComputeSettings(workers=1, in_process_below_rows=request.param == "threads" and 10)
    with open_compute(1, below, TWO) as opened:
        yield opened


def sizes(log):
    return [line.split() for line in Path(log).read_text().splitlines()]


def test_a_task_that_runs_out_of_memory_is_split_twice_and_its_result_is_the_whole_ones(
    compute, tmp_path, caplog
):
    log, seen = str(tmp_path / "log"), []
    slab = Slab(0, NUMBERS, log=log, room_bytes=WHOLE_BYTES * 5 // 16)
    with caplog.at_level(logging.WARNING, "millrace"):
        found = compute.map(tasks.total, [slab, Slab(0, 10)], seen.append)
    assert found == [EXPECTED, 45]
    assert sorted(seen) == [45, EXPECTED]
    assert [int(size) for _, size in sizes(log)] == [
        NUMBERS,
        *[NUMBERS // 2] * 2,
        *[NUMBERS // 4] * 4,
    ]
    assert caplog.text.count("it is retried as 2 smaller tasks") == 3


def test_parts_that_run_out_of_memory_too_are_an_error_with_numbers(compute, tmp_path):
    log = str(tmp_path / "log")
    slab = Slab(0, NUMBERS, log=log, room_bytes=WHOLE_BYTES // 16)
    message = (
        rf"stop={NUMBERS // 4}.*after it was split 2 times .*64\. MiB|after it was split 2"
    )
    with pytest.raises(OutOfMemoryError, match=message):
        compute.map(tasks.total, [slab])
    assert [int(size) for _, size in sizes(log)][:4] == [
        NUMBERS,
        NUMBERS // 2,
        NUMBERS // 2,
        NUMBERS // 4,
    ]


def test_a_task_that_ran_on_a_gpu_is_retried_on_the_cpu(compute, tmp_path, caplog):
    log = str(tmp_path / "log")
    with caplog.at_level(logging.WARNING, "millrace"):
        found = compute.map(
            tasks.no_memory_on_a_gpu, [Slab(0, 8, log=log, array_module="cupy")]
        )
    assert found == [28]
    assert sorted(sizes(log)) == sorted(
        [["cupy", "8"], *[["cupy", "4"]] * 2, *[["cupy", "2"]] * 4, *[["numpy", "2"]] * 4]
    )
    assert "it is retried on the CPU" in caplog.text


def test_only_a_task_for_a_gpu_can_be_retried_on_the_cpu():
    assert on_cpu(Slab(0, 1)) is None
    assert on_cpu(Slab(0, 1, array_module="cupy")) == Slab(0, 1)
    assert on_cpu("an item without arrays") is None
    assert isinstance(Slab(0, 1), Splittable)
    assert not isinstance("text", Splittable)


def test_a_task_whose_workers_are_killed_is_split_and_retried(caplog):
    settings = ComputeSettings(in_process_below_rows=0)
    with open_compute(1, settings, TWO) as compute, caplog.at_level("WARNING", "millrace"):
        items = [Slab(0, 100, room_bytes=60), Slab(0, 10, room_bytes=60)]
        assert compute.map(tasks.die_of_more_than, items) == [4950, 45]
    assert "Workers died while they ran die_of_more_than" in caplog.text


@pytest.mark.slow
def test_a_task_whose_smallest_parts_kill_their_workers_is_worth_a_retry():
    settings = ComputeSettings(in_process_below_rows=0)
    message = r"after it was split 2 times .Workers died while they ran die_of"
    with (
        open_compute(1, settings, TWO) as compute,
        pytest.raises(WorkerLostError, match=message),
    ):
        compute.map(tasks.die_of_more_than, [Slab(0, 100, room_bytes=1)])


GIB = 1 << 30


@pytest.mark.parametrize(
    ("share", "n_parts"),
    [(0.1, 16), pytest.param(0.6, 72, marks=pytest.mark.slow)],
    ids=["of a tenth of its memory", "of Dask's own share of it"],
)
def test_results_larger_than_a_worker_may_hold_are_spilled_and_come_out_right(share, n_parts):
    one, numbers = Machine(cores=1, memory_bytes=GIB, gpus=0), range(n_parts)
    assert n_parts * tasks.part(0).nbytes > min(2 * share, 1) * GIB
    with (
        dask.config.set({"distributed.worker.memory.target": share}),
        open_compute(1, ComputeSettings(in_process_below_rows=0), one) as compute,
    ):
        parts = calls(tasks.part, numbers)
        # No sum begins before every part is there, so all of them have to be held at once.
        all_there = dask.delayed(tasks.add)([dask.delayed(len)(each) for each in parts])
        sums = [dask.delayed(tasks.summed)(all_there, parts[n::8]) for n in range(8)]
        found = compute.run(sums)
        (spilled,) = compute._client.run(tasks.spilled_bytes).values()
    assert [np.unique(s).tolist() for s in found] == [[sum(numbers[n::8])] for n in range(8)]
    assert spilled > 0


def test_the_limit_of_this_process_is_as_before():
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    assert soft == resource.RLIM_INFINITY or soft > 1 << 33
