"""Promotions killed before each call to MLflow, or inside each of its commits; then run again.

One process imports MLflow and forks the rest. Called with a prepared store, an empty folder, how many
calls (or commits) to go on by from one kill to the next, and ``calls`` or ``commits``. Prints one JSON
line a kill: after how many it came, whether it left a journal, whether the registry could be read
then, and what it held once the promotion was done again.
"""

import json
import shutil
import sys
from pathlib import Path

from pipelines.shared.registry.client import open_client
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import FRAUD, done
from tests.pipelines.stages.promote.killing import DIE, forked


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
