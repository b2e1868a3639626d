"""Promotions killed before each call to MLflow, or inside each of its commits; then run again.

One process imports MLflow and forks the rest. Called with a prepared store, an empty folder, how many
calls (or commits) to go on by from one kill to the next, and ``calls`` or ``commits``. Prints one JSON
line a kill: after how many it came, whether it left a journal, whether the registry could be read
then, and what it held once the promotion was done again.

A commit is killed with pages of it in the database: SQLite is given a cache of a page, so that it
writes there before the commit, as a long transaction does.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import sqlalchemy
from mlflow import MlflowClient

from pipelines.shared.registry.client import open_client
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import FRAUD, done

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


def state(root):
    """What the registry holds, without its random run ids."""
    registry = open_registry(str(root), FRAUD.name)
    client = open_client(registry.uri)
    experiment = client.get_experiment_by_name(FRAUD.name)
    runs = client.search_runs([experiment.experiment_id])
    return {
        "versions": [[v["version"], v["champion"]] for v in registry.versions()],
        "champions": registry.read().champions,
        "runs": sorted([r.info.status, len(r.data.metrics), len(r.data.params)] for r in runs),
    }


def main():
    prepared, scratch, step, what = (
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        sys.argv[4],
    )
    for number in range(0, 100, step):
        root = scratch / f"{what}-{number}"
        shutil.copytree(prepared, root)

        def killed(root=root, number=number):
            DIE[what](number)
            done("promote", root)

        def read(root=root):
            open_registry(str(root), FRAUD.name).read()

        def again(root=root):
            done("promote", root)
            (root / "state.json").write_text(json.dumps(state(root)))

        ended = forked(killed)
        journal = (root / "mlflow.db-journal").exists()
        assert forked(read) == 0
        assert forked(again) == 0
        result = {"after": number, "ended": ended, "journal": journal}
        result["state"] = json.loads((root / "state.json").read_text())
        print(json.dumps(result), flush=True)
        if ended == 0:
            return


main()
