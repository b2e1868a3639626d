import importlib.util
import logging

import pytest

from pipelines.core.errors import ConfigError, TransientError
from pipelines.shared.compute import (
    Backend,
    ComputeSettings,
    Machine,
    choose_backend,
    open_compute,
)
from pipelines.shared.compute.cluster import gpus_of, processes_of
from pipelines.shared.compute.settings import IN_PROCESS_BELOW_ROWS

GIB = 1 << 30
SMALL = Machine(cores=2, memory_bytes=8 * GIB, gpus=0)
WITH_GPUS = Machine(cores=16, memory_bytes=64 * GIB, gpus=2)


def test_work_below_the_declared_size_stays_in_this_process_even_beside_gpus():
    assert (
        choose_backend(IN_PROCESS_BELOW_ROWS - 1, ComputeSettings(), WITH_GPUS)
        is Backend.THREADS
    )
    assert choose_backend(IN_PROCESS_BELOW_ROWS, ComputeSettings(), SMALL) is Backend.PROCESSES


def test_a_scheduler_given_by_address_always_wins():
    settings = ComputeSettings(scheduler="tcp://somewhere:8786")
    assert choose_backend(1, settings, WITH_GPUS) is Backend.SCHEDULER


def test_gpus_are_used_where_their_libraries_are_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert choose_backend(10**8, ComputeSettings(), WITH_GPUS) is Backend.GPUS


def test_gpus_without_their_libraries_stay_idle_and_the_log_says_so(monkeypatch, caplog):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cupy" else 1)
    with caplog.at_level(logging.WARNING, "millrace"):
        assert choose_backend(10**8, ComputeSettings(), WITH_GPUS) is Backend.PROCESSES
    assert "2 GPUs here stay idle, as cupy is not installed" in caplog.text


def test_a_gpu_cluster_has_one_worker_a_gpu_a_pool_and_spilling():
    asked = gpus_of(ComputeSettings(), WITH_GPUS)
    assert asked["n_workers"] == 2
    assert asked["enable_cudf_spill"] is True
    assert 0 < asked["rmm_pool_size"] < 1
    assert asked["rmm_allocator_external_lib_list"] == ["cupy"]
    assert gpus_of(ComputeSettings(workers=9), WITH_GPUS)["n_workers"] == 2


def test_processes_share_the_memory_and_none_gets_less_than_a_gibibyte():
    assert processes_of(ComputeSettings(), SMALL)["memory_limit"] == 4 * GIB
    tight = Machine(cores=8, memory_bytes=3 * GIB, gpus=0)
    assert processes_of(ComputeSettings(), tight)["n_workers"] == 3


def test_options_become_settings_and_a_bad_number_is_refused():
    options = {"scheduler": "tcp://a:1", "workers": "3", "promote_older": "yes"}
    settings = ComputeSettings.from_options(options)
    assert (settings.scheduler, settings.workers) == ("tcp://a:1", 3)
    with pytest.raises(ConfigError, match=r"option workers must be an integer.*'many'"):
        ComputeSettings.from_options({"workers": "many"})


def test_a_scheduler_that_does_not_answer_is_worth_a_retry(monkeypatch):
    monkeypatch.setattr("pipelines.shared.compute.cluster.CONNECT_TIMEOUT_S", 1)
    settings = ComputeSettings(scheduler="tcp://127.0.0.1:9")
    with (
        pytest.raises(
            TransientError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"
        ),
        open_compute(1, settings),
    ):
        pass
