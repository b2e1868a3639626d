"""Promotions killed before each call to MLflow in turn, then done again.

One process imports MLflow and forks the rest. Called with a prepared store, an empty folder, and how
many calls to go on by from one kill to the next. Prints one JSON line a kill: after how many calls
it came, and what the registry held once the promotion was done again.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from mlflow import MlflowClient

from pipelines.promotion.registry import open_registry
from pipelines.registry.client import open_client
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


def forked(work):
    """Do work in a fork; how it ended."""
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
    prepared, scratch, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    for call in range(0, 100, step):
        root = scratch / f"call-{call}"
        shutil.copytree(prepared, root)

        def killed(root=root, call=call):
            die_at(call)
            done("promote", root)

        def again(root=root):
            done("promote", root)
            (root / "state.json").write_text(json.dumps(state(root)))

        ended = forked(killed)
        assert forked(again) == 0
        told = json.loads((root / "state.json").read_text())
        print(json.dumps({"calls": call, "ended": ended, "state": told}), flush=True)
        if ended == 0:
            return


main()
