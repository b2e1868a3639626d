import asyncio
import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster, rpc
from distributed.comm import CommClosedError
from distributed.security import Security

from pipelines.core.errors import OutOfMemoryError, TransientError, WorkerLostError
from pipelines.shared.compute import ComputeSettings, Machine, open_compute
from pipelines.shared.compute.shutdown import children
from tests.pipelines.shared.compute import tasks

TWO = Machine(cores=2, memory_bytes=4 << 30, gpus=0)
THREADS, PROCESSES = ComputeSettings(), ComputeSettings(in_process_below_rows=0)


@pytest.fixture(scope="module", params=["threads", "processes"])
def compute(request):
    settings = THREADS if request.param == "threads" else PROCESSES
    with open_compute(1, settings, TWO) as opened:
        yield opened


def test_results_are_in_the_order_of_the_items_and_each_is_passed_on(compute):
    seen = []
    assert compute.map(tasks.square, range(30), seen.append) == [n * n for n in range(30)]
    assert sorted(seen) == [n * n for n in range(30)]
    assert compute.map(tasks.square, []) == []


def listening(process):
    every = [process, *process.children(recursive=True)]
    return {
        c.laddr.ip
        for one in every
        for c in one.net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    }


def test_a_cluster_accepts_only_the_process_that_started_it(compute):
    """Whoever may talk to its scheduler, a worker or a nanny runs code as this user."""
    client = getattr(compute, "_client", None)
    if client is None:
        return
    workers = client.scheduler_info(n_workers=-1)["workers"]
    nannies = [each["nanny"] for each in workers.values()]
    addresses = [client.scheduler.address, *workers, *nannies]
    assert len(addresses) == 5
    assert listening(psutil.Process()) == {"127.0.0.1"}
    with_another_key = Security.temporary().get_connection_args("client")
    for address in addresses:
        assert address.startswith("tls://127.0.0.1:")
        for wrong, how in (
            (address.replace("tls", "tcp"), {}),
            (address, with_another_key),
            (address, {"ssl_context": ssl._create_unverified_context()}),
        ):
            with pytest.raises((OSError, CommClosedError)):
                asyncio.run(identity(wrong, how))
        own = client.security.get_connection_args("client")
        assert "id" in asyncio.run(identity(address, own))


async def identity(address, how):
    """What a Dask server says of itself: the first thing that a client asks."""
    async with rpc(address, connection_args=how, timeout=30) as asked:
        return await asyncio.wait_for(asked.identity(), 60)


def on_the_workers(compute, at_most, patience_s=60):
    """Results that worker processes hold, once there are few of them or patience ends."""
    client, end = getattr(compute, "_client", None), time.monotonic() + patience_s
    while client is not None:
        held = sum(map(len, client.has_what().values()))
        if held <= at_most or time.monotonic() > end:
            return held
        time.sleep(0.05)
    return 0


def test_results_that_are_passed_on_one_by_one_are_not_kept(compute):
    alive, most = [], 0

    def take(array):
        nonlocal most
        alive.append(weakref.ref(array))
        most = max(most, sum(ref() is not None for ref in alive))
        if len(alive) == 30:
            assert on_the_workers(compute, at_most=1) <= 1, "those taken before are let go"

    assert compute.each(tasks.small_array, range(30), take) is None
    assert len(alive) == 30
    # This one, the one before it, and in threads those that the next ones just made.
    assert most <= 2 + compute.workers


def test_a_task_without_memory_is_reported_once_as_the_whole_of_its_parts(compute):
    seen = []
    compute.each(
        tasks.no_memory_for_more_than_room, [tasks.Slab(0, 8, room_bytes=2)], seen.append
    )
    assert seen == [sum(range(8))]


@pytest.mark.parametrize("parts", [1, 7, 8, 9, 64, 65, 200])
def test_a_tree_merges_neighbours_in_order_eight_at_a_time(compute, parts):
    found = compute.tree(tasks.nested, list(range(parts)))

    def leaves(node):
        return [node] if isinstance(node, int) else [x for n in node for x in leaves(n)]

    assert leaves(found) == list(range(parts))
    assert parts == 1 or len(found) <= 8


def test_memory_of_an_array_is_used_again_for_the_next_one(compute):
    (pages,) = compute.map(tasks.page_faults, [40])
    assert pages < 40 * 1024 / 4


def test_a_tree_needs_a_part(compute):
    with pytest.raises(ValueError, match="no parts to merge"):
        compute.tree(tasks.add, [])


def test_what_a_task_raises_is_raised_here(compute):
    with pytest.raises(ValueError, match="value 3 is refused"):
        compute.map(tasks.refuse, [3])


def test_a_task_without_memory_is_worth_a_retry(compute):
    with pytest.raises(
        OutOfMemoryError, match=r"\(1\) ran out of memory .*8 EiB.*on 2 .*GiB.*buckets"
    ):
        compute.map(tasks.no_memory, [1])


def test_small_work_imports_no_cluster():
    probe = (
        "import sys; from pipelines.shared.compute import open_compute\n"
        "with open_compute(10) as c: c.map(abs, [1])\n"
        "print(sorted({'distributed', 'pandas', 'dask_cuda'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


def test_a_worker_that_dies_once_is_replaced_and_its_task_done(tmp_path):
    with open_compute(1, PROCESSES, TWO) as compute:
        found = compute.map(tasks.die_once, [str(tmp_path / "died")])
    assert found == ["done"]


def test_workers_that_die_again_and_again_are_worth_a_retry():
    with (
        open_compute(1, PROCESSES, TWO) as compute,
        pytest.raises(WorkerLostError, match="Workers died while they ran die"),
    ):
        compute.map(tasks.die, [1])


def test_a_cluster_without_a_worker_is_an_error_after_a_while(monkeypatch):
    monkeypatch.setattr("pipelines.shared.compute.gathering.PATIENCE_S", 3.0)
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as nobody:
        settings = ComputeSettings(scheduler=nobody.scheduler_address)
        with open_compute(1, settings, TWO) as compute:
            message = (
                r"The cluster has had no Dask worker for 3 s, and 2 of 2 tasks wait for one"
            )
            with pytest.raises(WorkerLostError, match=message):
                compute.map(tasks.square, [1, 2])


def test_a_cluster_whose_workers_are_just_starting_again_is_closed(monkeypatch):
    """A nanny that is closed while its worker starts waits for it for ever."""
    monkeypatch.setattr("pipelines.shared.compute.shutdown.CLOSE_LIMIT_S", 120.0)
    before = children()
    with open_compute(1, PROCESSES, TWO) as compute:
        pids = compute.map(tasks.own_pid, range(8))
        for pid in set(pids):
            os.kill(pid, signal.SIGKILL)
        starting = compute._cluster.workers.values()
        end_of_wait = time.monotonic() + 60
        while time.monotonic() < end_of_wait and not any(
            nanny.process is not None and nanny.process.status.name == "starting"
            for nanny in starting
        ):
            time.sleep(0.001)
    assert children() <= before


@contextlib.contextmanager
def cluster_elsewhere(tmp_path):
    """A scheduler and a worker as processes of their own; yields its address and process."""
    log = tmp_path / "scheduler.log"
    env = os.environ | {"PYTHONPATH": str(Path.cwd())}
    run = [sys.executable, "-m"]
    here = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with log.open("w") as out:
        scheduler = subprocess.Popen(
            [*run, "distributed.cli.dask_scheduler", *here], stderr=out, env=env
        )
    started = [scheduler]
    try:
        address = _first(log, r"Scheduler at:\s+(tcp://\S+)")
        worker = [*run, "distributed.cli.dask_worker", address, "--nthreads", "1"]
        started.append(
            subprocess.Popen(
                [*worker, "--no-nanny", "--no-dashboard", "--death-timeout", "5"],
                stderr=subprocess.DEVNULL,
                env=env,
                cwd=tmp_path,
            )
        )
        yield address, scheduler
    finally:
        for process in started:
            process.kill()
            process.wait()


def _first(log, pattern, deadline_s=120):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = re.search(pattern, log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"{log} never said {pattern}: {log.read_text()}")


def test_a_scheduler_elsewhere_runs_the_same_graph_and_its_loss_is_worth_a_retry(tmp_path):
    flag = tmp_path / "running"

    def kill_when_running(process):
        while not flag.exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)

    with cluster_elsewhere(tmp_path) as (address, scheduler):
        settings = ComputeSettings(scheduler=address)
        with open_compute(1, settings, TWO) as compute:
            assert compute.map(tasks.square, [1, 2, 3]) == [1, 4, 9]
            threading.Thread(target=kill_when_running, args=(scheduler,), daemon=True).start()
            with pytest.raises(TransientError, match="scheduler was lost"):
                compute.map(tasks.hang, [str(flag)])
