"""A row for each cause of docs/operations.md: errors as the system and the libraries raise them."""

import errno
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core import errors
from pipelines.core.causes import cause_of_text, sorted_by_cause, unexpected
from pipelines.core.oom_kills import OomKills, killed_helper

DOCS = (Path(__file__).parents[3] / "docs/operations.md").read_text()


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def full_disk(_tmp):
    with open("/dev/full", "w") as file:  # noqa: PTH123
        file.write("x" * 100_000)


def full_disk_by_parquet(tmp):
    (tmp / "full").symlink_to("/dev/full")  # Arrow removes what it could not write
    pq.write_table(pa.table({"a": list(range(100_000))}), tmp / "full")


def used_quota(_tmp):
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/store/part-0.parquet")


def no_memory(_tmp):
    bytearray(1 << 62)


def no_memory_in_arrow(_tmp):
    pa.allocate_buffer(1 << 62)


def no_segment(_tmp):
    raise ImportError("libtensorflow.so.2: cannot map segment from shared object")


def too_many_files(_tmp):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        open("/dev/null")  # noqa: PTH123, SIM115
    except OSError as error:
        # As a stage would, while the limit still stands.
        raise sorted_by_cause(error, "train as_of=2026-03-01") from None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def server_away(_tmp):
    urllib.request.urlopen(f"http://127.0.0.1:{closed_port()}")


def mlflow_away(_tmp):
    from mlflow.store.tracking.rest_store import RestStore
    from mlflow.utils.rest_utils import MlflowHostCreds

    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    host = MlflowHostCreds(f"http://127.0.0.1:{closed_port()}")
    RestStore(lambda: host).get_experiment_by_name("fraud")


def name_unknown(_tmp):
    socket.getaddrinfo("no-such-host.invalid", 443)


def postgres_away(_tmp):
    import psycopg

    psycopg.connect(f"host=127.0.0.1 port={closed_port()} dbname=mlflow")


def postgres_by_sqlalchemy(_tmp):
    import sqlalchemy

    uri = f"postgresql+psycopg2://u:p@127.0.0.1:{closed_port()}/mlflow"
    sqlalchemy.create_engine(uri).connect()


def dask_away(_tmp):
    from distributed import Client

    Client(f"tcp://127.0.0.1:{closed_port()}", timeout="1s")


def locked_database(tmp):
    with sqlite3.connect(tmp / "a.db") as writer:
        writer.execute("create table t (a)")
        writer.commit()
        writer.execute("begin exclusive")
        sqlite3.connect(tmp / "a.db", timeout=0).execute("insert into t values (1)")


def damaged_database(tmp):
    (tmp / "a.db").write_bytes(b"no database" * 1000)
    sqlite3.connect(tmp / "a.db").execute("select * from t")


def object_store(code, status):
    """An error as botocore's ClientError carries it."""

    class ClientError(Exception):
        response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}  # noqa: RUF012

    raise ClientError(f"An error occurred ({code}) when calling the PutObject operation")


def endpoint_lost(_tmp):
    """The name is botocore's, which is installed only where a store needs it."""

    class EndpointConnectionError(Exception):
        pass

    raise EndpointConnectionError('Could not connect to the endpoint URL: "http://s3:9000/b"')


def worker_killed(_tmp):
    from distributed.scheduler import KilledWorker

    raise KilledWorker("task", SimpleNamespace(address="tcp://10.0.0.1:1"), 3)


def file_gone(tmp):
    (tmp / "weights.npy").read_bytes()


def read_only(_tmp):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/store")


def denied(_tmp):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/store/manifest.json")


# Cause, as the table in docs/operations.md has it; how it comes about; our class; what is said.
ROWS = [
    ("the disk is full", full_disk, "TransientError", "No space left.*Free some space"),
    ("the disk is full", full_disk_by_parquet, "TransientError", "No space left.*Free some"),
    ("the quota is used up", used_quota, "TransientError", r"/store/part-0.parquet.*quota"),
    ("there is no memory", no_memory, "OutOfMemoryError", "out of memory.*more memory"),
    ("there is no memory", no_memory_in_arrow, "OutOfMemoryError", "out of memory: malloc"),
    ("there is no memory", no_segment, "OutOfMemoryError", "libtensorflow.*cannot map segment"),
    ("too many files are open", too_many_files, "TransientError", r"limit is 3 open files"),
    ("a server does not answer", server_away, "TransientError", "refused.*tried again"),
    ("a server does not answer", mlflow_away, "TransientError", "127.0.0.1.*tried again"),
    ("a server does not answer", name_unknown, "TransientError", "not known|resolution"),
    ("a server does not answer", dask_away, "TransientError", "127.0.0.1|Timed out"),
    ("a server does not answer", endpoint_lost, "TransientError", "http://s3:9000/b"),
    ("the database does not answer", postgres_away, "TransientError", "127.0.0.1"),
    ("the database does not answer", postgres_by_sqlalchemy, "TransientError", "127.0.0.1"),
    ("the database does not answer", locked_database, "TransientError", "locked.*tried again"),
    ("a database is damaged", damaged_database, "ArtifactError", "not a database.*Restore"),
    ("Dask workers die", worker_killed, "WorkerLostError", "Run it again"),
    ("a file goes while it is read", file_gone, "TransientError", r"weights.npy\). The file"),
    ("a path cannot be written", read_only, "ConfigError", r"Read-only.*\(/store\)"),
    (
        "a path cannot be written",
        denied,
        "ConfigError",
        r"manifest.json\); this process is user",
    ),
    (
        "an object store refuses",
        lambda _: object_store("AccessDenied", 403),
        "ConfigError",
        "AccessDenied.*credentials",
    ),
    (
        "a server does not answer",
        lambda _: object_store("SlowDown", 503),
        "TransientError",
        "SlowDown.*tried again",
    ),
]


def raised(make, tmp):
    with pytest.raises(BaseException) as caught:  # noqa: PT011, the table says which
        make(tmp)
    return caught.value


@pytest.mark.parametrize(("cause", "make", "cls", "message"), ROWS)
def test_an_error_is_sorted_by_its_cause(cause, make, cls, message, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")  # what the row changes
    error = raised(make, tmp_path)
    if not isinstance(error, errors.PipelineError):
        error = sorted_by_cause(error, "train as_of=2026-03-01")
    assert type(error).__name__ == cls
    assert re.search(message, str(error), re.DOTALL), str(error)
    assert str(error).startswith("train as_of=2026-03-01: ")
    assert "\n" not in str(error)
    assert f"| {cause} | `{cls}` |" in DOCS


def test_the_table_in_the_docs_has_no_row_without_a_test():
    table = DOCS.split("## Errors by cause")[1].split("\n## ")[0]
    rows = {
        tuple(cell.strip(" `") for cell in line.split("|")[1:3]) for line in table.splitlines()
    }
    reported = {row for row in rows if len(row) == 2 and hasattr(errors, row[1])}
    helper = ("a helper process is killed", "OutOfMemoryError")
    assert reported - {helper} == {(cause, cls) for cause, _, cls, _ in ROWS}
    assert helper in reported


def test_a_cause_behind_other_errors_is_found_and_a_fault_of_the_program_is_not_hidden():
    def behind(outer):
        try:
            try:
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            except ConnectionResetError as inner:
                raise outer from inner
        except Exception as error:
            return sorted_by_cause(error, "w")

    assert isinstance(behind(RuntimeError("the library's own words")), errors.TransientError)
    assert behind(KeyError("a fault")) is None
    reported = unexpected(KeyError("a fault"), "w")
    assert type(reported) is errors.PermanentError
    assert "w: unexpected KeyError: 'a fault'. This is a fault of Millrace" in str(reported)


def test_a_value_of_somebodys_data_is_no_cause():
    assert sorted_by_cause(ValueError("merchant 'no space left'"), "w") is None


@pytest.mark.parametrize(
    ("before", "number", "cls"),
    [
        (OomKills("", 0), signal.SIGKILL, errors.OutOfMemoryError),
        (None, signal.SIGKILL, errors.WorkerLostError),
        (OomKills("", 0), signal.SIGSEGV, errors.WorkerLostError),
    ],
)
def test_a_helper_that_was_killed_is_memory_or_loss(before, number, cls, monkeypatch):
    from pipelines.core import oom_kills

    now = OomKills("", 0) if before else OomKills("boot cgroup", 3)
    monkeypatch.setattr(oom_kills, "oom_kills", lambda: now)
    error = killed_helper("the check", number, before or now)
    assert type(error) is cls
    assert signal.Signals(number).name in str(error)


@pytest.mark.parametrize(
    ("text", "cls"),
    [
        ("MemoryError", errors.OutOfMemoryError),
        ("ResourceExhaustedError: OOM when allocating tensor", errors.OutOfMemoryError),
        ("OSError: [Errno 28] No space left on device", errors.TransientError),
        ("KeyError: 'serving_default'", None),
    ],
)
def test_a_helpers_last_line_is_classified_too(text, cls):
    found = cause_of_text(text)
    assert (found[0] if found else None) is cls


def test_a_command_ends_with_one_sentence_and_its_exit_code(tmp_path):
    """The store's registry is not a database; the library's error reaches the command line."""
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines", "models", "fraud_detection", "--store", tmp_path],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode in {3, 4}
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("\n") <= 2, ended.stderr
