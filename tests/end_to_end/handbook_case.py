"""The Handbook's protocol with its own 15 features alone: the shipped declaration without ratios.

Called with a store that holds the features of the protocol's days, and a number of seeds; prints a
line of JSON with the metrics of each seed.
"""

import dataclasses
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Work, perform, stage_named
from pipelines.spec import Chain, load

FIRST, LAST, AS_OF = "2018-06-18", "2018-08-14", "2018-08-22"


def published_features():
    """The declaration with the Handbook's inputs alone."""
    shipped = load("fraud_detection")
    plain = tuple(f for f in shipped.features if not isinstance(f, Chain))
    return dataclasses.replace(shipped, features=plain)


def performed(stage, store, seed):
    """The result of one stage, for one seed."""
    pipeline = published_features()
    training = dataclasses.replace(pipeline.training, seed=seed)
    work = Work(
        pipeline=dataclasses.replace(pipeline, training=training),
        store=Store(store),
        report=Reporter(f"{stage} as_of={AS_OF}/seed={seed}"),
        as_of=AS_OF,
        history_from=FIRST,
        options={"track": "false"},
    )
    return perform(stage_named(stage), work)["metrics"]


def main():
    store, seeds = sys.argv[1], int(sys.argv[2])
    spawned = multiprocessing.get_context("spawn")
    # A process for each stage, as Airflow and the command line run them.
    with ProcessPoolExecutor(1, mp_context=spawned, max_tasks_per_child=1) as processes:
        processes.submit(performed, "preprocess", store, 0).result()
        for seed in range(seeds):
            processes.submit(performed, "train", store, seed).result()
            metrics = processes.submit(performed, "evaluate", store, seed).result()
            print(json.dumps({"seed": seed, **metrics}), flush=True)


if __name__ == "__main__":
    main()
