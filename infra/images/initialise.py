"""Migrate Airflow's database, create the pools and write the login, then exit.

Why: schedulers and servers need a migrated database, and a task in a pool that does not exist
    would wait for ever.
Promise: safe to run at every start; a changed password or slot count takes effect; the login file is
    never readable by others.
Not here: the databases themselves (``infra/postgres/databases.sh``).

Environment: ``MILLRACE_ADMIN_USER``, ``MILLRACE_ADMIN_PASSWORD``, ``MILLRACE_STAGE_SLOTS``,
``MILLRACE_GPU_SLOTS``, and Airflow's own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

# Pool, the variable with its number of slots, and its description.
POOLS = (
    ("stages", "MILLRACE_STAGE_SLOTS", "Stages: one slot is one stage's process."),
    ("gpu", "MILLRACE_GPU_SLOTS", "Training: one slot is one model, on all GPUs there are."),
)


def write_login(path: Path, user: str, password: str) -> None:
    """Replace the contents of the login file with this one user.

    Written in place, not renamed over: a running api-server holds locks on the file.
    """
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps({user: password}))


def airflow(*arguments: str) -> None:
    """Run one Airflow command.

    Raises:
        CalledProcessError: It failed.
    """
    subprocess.run(["airflow", *arguments], check=True)  # noqa: S607


def main(environment: dict[str, str]) -> None:
    """Migrate the database, create the pools, write the login."""
    airflow("db", "migrate")
    for pool, slots, meaning in POOLS:
        airflow("pools", "set", pool, environment[slots], meaning)
    file = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    write_login(
        file, environment["MILLRACE_ADMIN_USER"], environment["MILLRACE_ADMIN_PASSWORD"]
    )
    sys.stdout.write("millrace: database migrated, pools created, login written\n")


if __name__ == "__main__":
    main(dict(os.environ))
