"""A stage and the fork server hold what a stage needs of an Airflow task's environment, no secret."""

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.process.environ import DEFAULTS, NAMES, PASS_ENV, PREFIXES, child_environ
from tests.pipelines.process.following import Toy, bare_server

# What an Airflow task's environment holds beside the shell's, and what deployments add to it.
SECRETS = {
    "AIRFLOW__CORE__FERNET_KEY": "secret-fernet",
    "AIRFLOW__API_AUTH__JWT_SECRET": "secret-jwt",
    "AIRFLOW__API__SECRET_KEY": "secret-api",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://airflow:secret-db@postgres/airflow",
    "AIRFLOW__CELERY__BROKER_URL": "redis://:secret-broker@redis/0",
    "AIRFLOW_CONN_WAREHOUSE": "postgresql://u:secret-conn@db/x",
    "AIRFLOW_VAR_TOKEN": "secret-variable",
    "POSTGRES_PASSWORD": "secret-postgres",
    "PGPASSWORD": "secret-pg",
    "GITHUB_TOKEN": "secret-github",
    "VAULT_TOKEN": "secret-vault",
    "SSH_AUTH_SOCK": "/tmp/secret-agent",
    "_AIRFLOW__AS_LIBRARY": "secret-too",
}
NEEDED = {
    "HOME": "/home/x",
    "TZ": "Asia/Tokyo",
    "LC_ALL": "C.UTF-8",
    "LD_LIBRARY_PATH": "/opt/cuda/lib64",
    "CUDA_VISIBLE_DEVICES": "1",
    "NVIDIA_VISIBLE_DEVICES": "all",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "XLA_FLAGS": "--x",
    "OMP_NUM_THREADS": "2",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s",
    "MLFLOW_TRACKING_PASSWORD": "p",
    "MILLRACE_HOME": "/srv/millrace",
    "AWS_SECRET_ACCESS_KEY": "k",
    "GOOGLE_APPLICATION_CREDENTIALS": "/etc/gcp.json",
    "AZURE_STORAGE_KEY": "k",
    "FSSPEC_S3_ENDPOINT_URL": "http://minio:9000",
    "https_proxy": "http://proxy:3128",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/etc/ca.pem",
    "REQUESTS_CA_BUNDLE": "/etc/ca.pem",
    "PYTHONHASHSEED": "0",
}


def secrets_in(environ: bytes) -> list[str]:
    return [name for name, value in SECRETS.items() if value.encode() in environ]


def test_no_secret_of_airflow_reaches_a_stage_or_the_fork_server(monkeypatch):
    for name, value in (SECRETS | NEEDED).items():
        monkeypatch.setenv(name, value)
    server = bare_server()
    try:
        for forked in (True, False):
            found = Toy().run("environment", server=forked)
            assert found.forked is forked
            env = found.result["env"]
            assert secrets_in(str(env).encode()) == []
            assert NEEDED.items() <= env.items()
        assert secrets_in(Path(f"/proc/{server.pid}/environ").read_bytes()) == []
        assert secrets_in(Path("/proc/self/environ").read_bytes() + str(os.environ).encode())
    finally:
        server.terminate()
        server.wait(10)


@given(st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,20}\Z"), st.sampled_from(sorted(SECRETS)))
def test_a_variable_that_is_not_listed_is_not_passed_on(name, secret):
    assume(name.upper() not in NAMES and not name.startswith(PREFIXES))
    assume(name not in DEFAULTS)
    kept = child_environ(base={name: "x", secret: "x", "PATH": "/bin"})
    assert kept.keys() == {"PATH", "PYTHONPATH", "PYTHONUNBUFFERED", *DEFAULTS}


def test_more_variables_are_passed_on_by_declaring_them():
    base = SECRETS | {PASS_ENV: "SSH_AUTH_SOCK, VAULT_*,  NOT_SET"}
    kept = child_environ(base=base)
    assert kept.keys() & SECRETS.keys() == {"SSH_AUTH_SOCK", "VAULT_TOKEN"}


@pytest.mark.parametrize("text", ["TOKEN=abc", "2FAST", "A;B", "*", "A*B"])
def test_a_declaration_that_names_no_variable_is_refused(text):
    with pytest.raises(
        ConfigError, match=rf"{PASS_ENV} holds '.*', which is not a variable.s name"
    ):
        child_environ(base={PASS_ENV: text})
