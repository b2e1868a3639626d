"""The stack of infra/compose.yaml, as processes: what answers, and to whom."""

import socket
import time
import urllib.error
import urllib.request

import pytest
from distributed import Client

from pipelines.drivers.local.rest_client import RestError
from tests.services import postgres
from tests.services.topology import Topology, order

pytestmark = pytest.mark.services


def test_every_service_passes_its_own_health_check(topology: Topology):
    long_lived = [name for name in order() if name != "airflow-init"]
    assert {name: topology.healthy(name) for name in long_lived} == dict.fromkeys(
        long_lived, True
    )


def test_a_health_check_fails_when_nothing_answers(topology: Topology, tmp_path):
    nowhere = Topology(tmp_path, topology.settings)
    assert not nowhere.healthy("scheduler")
    assert not nowhere.healthy("mlflow")


def test_airflow_keeps_its_metadata_in_postgresql(topology: Topology):
    password = topology.settings["AIRFLOW_DATABASE_PASSWORD"]
    sql = "select string_agg(pool, ',' order by pool) from slot_pool"
    pools = postgres.query(topology.ports["5432"], "airflow", "airflow", password, sql)
    assert pools == "default_pool,gpu,stages"


def test_one_databases_role_cannot_open_the_other(topology: Topology):
    password = topology.settings["MLFLOW_DATABASE_PASSWORD"]
    port = topology.ports["5432"]
    assert postgres.query(port, "mlflow", "mlflow", password, "select 1") == "1"
    refused = postgres.query(port, "airflow", "mlflow", password, "select 1")
    assert "permission denied for database" in refused


def test_mlflow_refuses_a_request_for_another_host(topology: Topology):
    request = urllib.request.Request(
        f"{topology.mlflow}/api/2.0/mlflow/experiments/search?max_results=1",
        headers={"Host": "evil.example"},
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)


def test_the_login_is_the_one_of_the_environment(topology: Topology):
    assert topology.api().get("/version")["version"]
    with pytest.raises(RestError, match="401"):
        topology.api("guess").get("/version")


def test_both_workers_have_joined_the_scheduler(topology: Topology):
    with Client(topology.dask, timeout=30) as client:
        client.wait_for_workers(2, timeout=60)
        assert client.submit(sum, [1, 2]).result(timeout=30) == 3


def test_nothing_listens_beyond_this_machine(topology: Topology):
    # Containers have a network of their own; here the proof is that hosts were taken from the file.
    for port in ("5432", "5000", "8786", "8080"):
        with socket.create_connection(("127.0.0.1", topology.ports[port]), timeout=5):
            pass


def test_a_backup_of_a_database_restores_to_the_same_tables(topology: Topology, tmp_path):
    port, password = topology.ports["5432"], topology.settings["POSTGRES_PASSWORD"]
    tables = "select count(*) from information_schema.tables where table_schema = 'public'"
    for database in ("airflow", "mlflow"):
        copied = f"{database}_restored"
        postgres.copy(port, database, password, copied, tmp_path / database)
        before = postgres.query(port, database, "postgres", password, tables)
        assert int(before) > 20
        assert postgres.query(port, copied, "postgres", password, tables) == before


def test_work_goes_on_without_a_killed_worker_and_with_its_successor(topology: Topology):
    with Client(topology.dask, timeout=30) as client:
        client.wait_for_workers(2, timeout=60)
        tasks = client.map(slow_square, range(12))
        topology.kill("dask-worker-2")
        assert client.gather(tasks) == [n * n for n in range(12)]
        topology.start("dask-worker", "-2")
        client.wait_for_workers(2, timeout=60)


def slow_square(n: int) -> int:
    time.sleep(0.2)  # the work itself: long enough to be killed in
    return n * n


def test_a_killed_scheduler_is_seen_and_comes_back(topology: Topology):
    topology.kill("scheduler")
    assert not topology.healthy("scheduler")
    topology.start("scheduler")
    topology.await_ready("scheduler")
