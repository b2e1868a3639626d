"""A tracked training without TensorFlow, and its runs in MLflow.

Called with a store and a folder it is a process that is tracked, to be killed.
"""

import sys
import time
from pathlib import Path

from pipelines.protocol import Plan
from pipelines.shared.registry import registry_uri
from pipelines.shared.registry.client import open_client
from pipelines.shared.tracking.tracker import About, tracking
from tests.pipelines.made_models import work_on

PLAN = Plan(
    inputs={"training_set": "ab" * 32},
    config={"model": {"kind": "dense", "hidden": (8,)}, "validation": []},
    code={"pipelines.stages.train": "12"},
)
ABOUT = About(name="as_of=2026-03-01/seed=0")


def uri_of(root):
    return registry_uri(work_on("train", root)[1].store)


def runs_of(root, client=None):
    client = client or open_client(uri_of(root))
    experiment = client.get_experiment_by_name("fraud_detection")
    return client.search_runs([experiment.experiment_id]) if experiment else []


def main():
    root, folder = sys.argv[1:]
    _, work = work_on("train", root)
    with tracking(work, PLAN, Path(folder), ABOUT) as tracker:
        tracker.metrics(10, {"loss": 0.5})
        time.sleep(600)


if __name__ == "__main__":
    main()
