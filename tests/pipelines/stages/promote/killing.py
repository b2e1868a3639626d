"""Processes that kill themselves before a call to MLflow, or inside a commit.

A commit is killed with pages of it in the database: SQLite is given a cache of a page, so that it
writes there before the commit, as a long transaction does.
"""

import os
import signal

import sqlalchemy
from mlflow import MlflowClient

CALLS = [
    "get_experiment_by_name",
    "create_experiment",
    "search_runs",
    "create_run",
    "log_batch",
    "set_terminated",
    "search_registered_models",
    "create_registered_model",
    "search_model_versions",
    "create_model_version",
    "set_registered_model_tag",
    "set_registered_model_alias",
    "set_model_version_tag",
]


def die_at(call):
    """Make this process kill itself before its n-th call to MLflow."""
    made = [0]

    def counted(plain):
        def wrapped(*args, **more):
            made[0] += 1
            if made[0] > call:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(*args, **more)

        return wrapped

    for name in CALLS:
        setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))


def die_in_commit(number):
    """Make this process kill itself inside its n-th commit that has written to a database."""
    made = [0]

    def small(connection, _record):
        connection.execute("PRAGMA cache_size=1")

    def count(connection):
        changed = connection.connection.dbapi_connection.in_transaction
        made[0] += bool(changed)
        if changed and made[0] > number:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", small)
    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "commit", count)


DIE = {"calls": die_at, "commits": die_in_commit}


def forked(work):
    """Do work in a fork and return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
