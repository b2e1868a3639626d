"""A PostgreSQL server of Debian's packages, made empty, prepared as the compose file's is.

Promise: it listens on 127.0.0.1 and a free port, its files are gone at the end, and the roles and
    databases in it are made by the script that the container runs.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USER = "postgres"


def binaries() -> Path:
    """The folder of the newest installed server; the test is skipped where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    if not found:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    return found[-1]


def as_user() -> list[str]:
    """What goes before a command of the server, which refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


@contextlib.contextmanager
def server(port: int, settings: Mapping[str, str]) -> Iterator[None]:
    """The server with the roles and databases of ``infra/postgres/databases.sh``.

    Args:
        port: Where it listens.
        settings: Passwords, named as in ``infra/example.env``.
    """
    # Not pytest's folder: it is closed to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="millrace-postgres-"))
    try:
        password = folder / "password"
        password.write_text(settings["POSTGRES_PASSWORD"])
        if os.geteuid() == 0:
            owner = pwd.getpwnam(USER)
            for path in (folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        how = [
            "--auth=scram-sha-256",
            "--username=postgres",
            f"--pwfile={password}",
            "--no-sync",
        ]
        _run(folder, "initdb", *how)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"
        _run(folder, "pg_ctl", "start", "--wait", f"--log={folder}/log", f"--options={options}")
        try:
            _make_databases(port, settings)
            yield
        finally:
            _run(folder, "pg_ctl", "stop", "--mode=fast")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, program: str, *arguments: str) -> None:
    ended = subprocess.run(
        [*as_user(), str(binaries() / program), f"--pgdata={folder}/data", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    log = folder / "log"
    more = log.read_text() if log.exists() else ""
    assert ended.returncode == 0, ended.stdout.decode() + more


def _make_databases(port: int, settings: Mapping[str, str]) -> None:
    # libpq's variables stand in for the socket that the script finds inside the container.
    env = dict(os.environ) | {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGPASSWORD": settings["POSTGRES_PASSWORD"],
        "POSTGRES_USER": "postgres",
        "AIRFLOW_DATABASE_PASSWORD": settings["AIRFLOW_DATABASE_PASSWORD"],
        "MLFLOW_DATABASE_PASSWORD": settings["MLFLOW_DATABASE_PASSWORD"],
    }
    subprocess.run([ROOT / "infra/postgres/databases.sh"], env=env, check=True)


def query(port: int, database: str, user: str, password: str, sql: str) -> str:
    """One value of a query, or the server's refusal."""
    where = ["--host=127.0.0.1", f"--port={port}", f"--username={user}", f"--dbname={database}"]
    ended = subprocess.run(
        ["psql", "--no-psqlrc", "--tuples-only", "--no-align", *where, f"--command={sql}"],
        env=dict(os.environ) | {"PGPASSWORD": password},
        capture_output=True,
        text=True,
    )
    return ended.stdout.strip() or ended.stderr.strip()


def copy(port: int, database: str, password: str, to: str, dump: Path) -> None:
    """Back a database up and restore it under another name, as docs/operations.md does."""
    env = dict(os.environ) | {
        "PGPASSWORD": password,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
    }
    for command in (
        ["pg_dump", "--username=postgres", "--format=custom", f"--file={dump}", database],
        ["createdb", "--username=postgres", to],
        [
            "pg_restore",
            "--username=postgres",
            "--clean",
            "--if-exists",
            f"--dbname={to}",
            str(dump),
        ],
    ):
        subprocess.run([binaries() / command[0], *command[1:]], env=env, check=True)
