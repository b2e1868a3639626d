"""The environment of a stage: variables on an allow-list; nothing else is passed on.

Why: an Airflow task's environment holds what signs its tokens and opens its database. A stage
    runs users' code, keeps workers and a fork server running, and logs its errors.
Promise: a variable that is not listed here or in ``MILLRACE_PASS_ENV`` reaches no stage.
Not here: variables of one run (``wire.py``), starting the process (``spawn.py``).
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.core.installation import checkout
from pipelines.process.wire import PER_RUN
from pipelines.spec.folders import VARIABLE, folders

PASS_ENV = "MILLRACE_PASS_ENV"  # noqa: S105  a name
"""Names more variables to pass on, separated by commas or spaces: ``SSH_AUTH_SOCK, ORACLE_*``."""

NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME", "VIRTUAL_ENV"),
        *("LANG", "LANGUAGE", "TZ", "TZDIR", "TERM", "NO_COLOR", "COLUMNS"),
        *("TMPDIR", "TMP", "TEMP", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
        *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "BOTO_CONFIG", "STORAGE_EMULATOR_HOST"),
        *("GLIBC_TUNABLES", "JAVA_HOME", "CLASSPATH", "KRB5CCNAME", "KRB5_CONFIG"),
        "GIT_PYTHON_REFRESH",
    }
)
"""Variables by their name, in either case (``http_proxy``)."""

PREFIXES = (
    *("PYTHON", "LC_", "LD_", "MALLOC_", "SSL_CERT_"),
    *("MILLRACE_", "MLFLOW_", "DATABRICKS_", "DASK_"),
    *("TF_", "XLA_", "KERAS_", "CUDA_", "NVIDIA_", "NCCL_"),
    *("CUPY_", "CUDF_", "LIBCUDF_", "RMM_", "UCX_", "KVIKIO_", "NUMBA_"),
    *("OMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "NUMEXPR_"),
    *("ARROW_", "JE_ARROW_", "FSSPEC_", "HADOOP_"),
    *("AWS_", "S3_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCSFS_", "AZURE_"),
)
"""Variables by how their name begins."""

# Wanted by every stage, unless the environment says otherwise.
DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Its client starts a thread when MLflow is imported, and sends usage data.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

_NAME_OR_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")


def child_environ(
    extra: Mapping[str, str] | None = None, base: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Build a stage's environment: this process's listed variables, and ``extra``.

    The folders of users' pipelines are passed on as they were found, since a child may work in
    another directory.

    Raises:
        ConfigError: ``MILLRACE_PASS_ENV`` holds something that is not a variable's name, or a folder of
            ``MILLRACE_PIPELINES`` cannot be used.
    """
    names, prefixes = _declared(base.get(PASS_ENV, ""))
    kept = {
        name: value
        for name, value in base.items()
        if name not in PER_RUN
        and (_is_listed(name) or name in names or name.startswith(prefixes))
    }
    found = os.pathsep.join(map(str, folders(base)))
    kept |= {VARIABLE: found} if found else {}
    return DEFAULTS | kept | _import_environ() | dict(extra or {})


def working_directory() -> Path:
    """Where a child works: the checkout's root, or, for an installed library, where we are."""
    return checkout() or Path.cwd()


def _import_environ() -> dict[str, str]:
    """What makes a child import this library, and no file of its working directory instead."""
    root = checkout()
    found = {"PYTHONPATH": str(root)} if root else {"PYTHONSAFEPATH": "1"}
    return found | {"PYTHONUNBUFFERED": "1"}


def _is_listed(name: str) -> bool:
    return name.upper() in NAMES or name.startswith(PREFIXES)


def _declared(text: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names, and prefixes, of variables that the user wants passed on."""
    entries = text.replace(",", " ").split()
    for entry in entries:
        if not _NAME_OR_PREFIX.fullmatch(entry):
            raise ConfigError(
                f"{PASS_ENV} holds {entry!r}, which is not a variable's name. Give names, or "
                f"prefixes with a *, separated by commas: SSH_AUTH_SOCK,ORACLE_*"
            )
    prefixes = tuple(entry[:-1] for entry in entries if entry.endswith("*"))
    return frozenset(entry for entry in entries if not entry.endswith("*")), prefixes
