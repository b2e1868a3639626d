"""The location of Millrace: a checkout of its repository, or an installed package.

Why: a checkout has DAG files, plugins and domains beside the library; an installation has only
    the library, and the files are the project's.
Promise: decided by the files that exist, so the same in every process.
"""

import os
from collections.abc import Mapping
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2]
"""The parent folder of the package ``pipelines``: the checkout's root, or site-packages."""


def checkout() -> Path | None:
    """The repository's root where this library is part of it, None where it is installed."""
    return LIBRARY if (LIBRARY / "plugins" / "millrace").is_dir() else None


def default_store(environ: Mapping[str, str] = os.environ) -> str:
    """The default root of the artifact store: in the checkout, or in Airflow's folder."""
    root = checkout()
    if root is not None:
        return f"file://{root}/.millrace/store"
    airflow = Path(environ.get("AIRFLOW_HOME") or "~/airflow").expanduser().absolute()
    return f"file://{airflow}/millrace/store"
