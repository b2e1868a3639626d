"""``train`` without publication: the outcome of each try, in a process of its own.

Called with JSON: ``root`` (a store with a training set) and ``runs``, each with ``settings``, in which
``{best}`` stands for the best epoch of the run before, ``spare_mb`` (memory it may take beyond what
TensorFlow itself maps; 0 for any), ``keep`` (a file for its weights) and perhaps ``pruned_at`` (an epoch
whose end is the run's); prints a line for each try, a run that was out of memory being tried again.
TensorFlow is imported once; each try is forked before it does anything.
"""

import json
import logging
import os
import sys
from dataclasses import replace

import numpy as np

from pipelines.core.errors import PipelineError, TrainingError
from pipelines.spec import with_settings
from pipelines.stages.train import stage
from pipelines.stages.train.devices import Devices, open_strategy
from pipelines.stages.train.micro_batches import MicroBatches
from pipelines.stages.train.shards import open_shards
from tests.pipelines.made_models import FRAUD, work_on
from tests.pipelines.stages.train import train_process
from tests.pipelines.stages.train.failure_case import limit_memory

TRIES = 5


def setup_of(work):
    """The setup of ``run``, without MLflow."""
    training, days = work.pipeline.training, work.days()
    plan = stage.plan(work)
    training_set = work.store.open(work.find(work.window_ref("training_set")))
    scratch = work.scratch(plan, work.model_ref("models"))
    devices = Devices("cpu", max(training.replicas, 1))
    return stage.TrainingSetup(
        work,
        plan,
        scratch,
        training_set,
        open_shards(training_set, set(days.train) - set(days.validation)),
        open_shards(training_set, days.validation) if days.validation else None,
        open_strategy(devices, training.seed, training.threads),
        str(devices),
        MicroBatches(scratch, training.micro_batches),
    )


def one_try(root, asked):
    said = []
    pipeline = with_settings(FRAUD, asked["settings"])
    _, work = work_on("train", root, pipeline=pipeline, sink=said.append)
    setup = replace(setup_of(work), on_epoch=pruning(asked.get("pruned_at")))
    if asked.get("spare_mb"):
        limit_memory(asked["spare_mb"])
    result = {"micro_batches": setup.micro_batches.count}
    try:
        done = stage.trained(setup)
    except PipelineError as error:
        result["error"] = f"{type(error).__name__}: {error}"
    else:
        np.savez(asked["keep"], *done["model"].get_weights())
        cursor = done["cursor"]
        result |= {"error": "", "ended": cursor.ended, "best_epoch": cursor.best_epoch}
        result |= {"epochs": cursor.epoch, "validation": cursor.validation}
    result["curve"] = [e["values"] for e in said if e["event"] == "metric"]
    return result | {"logged": [e["message"] for e in said if e["event"] == "log"]}


def pruning(at):
    """End a run as a search does, with its metrics in the error."""

    def prune(epoch, _loss, found):
        if epoch == at:
            raise TrainingError(json.dumps(found))

    return prune


def in_a_child(root, asked):
    reading, writing = os.pipe()
    if not os.fork():
        with os.fdopen(writing, "w") as file:
            json.dump(one_try(root, asked), file, default=str)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        result = file.read()
    os.wait()
    return json.loads(result)


def main():
    asked = json.loads(sys.argv[1])
    logging.disable(logging.WARNING)
    train_process.import_tensorflow()  # once, forked with every try
    best = 0
    for run in asked["runs"]:
        run["settings"] = [setting.format(best=best) for setting in run["settings"]]
        for _ in range(TRIES):
            result = in_a_child(asked["root"], run)
            print(json.dumps(result), flush=True)
            if "OutOfMemory" not in result["error"]:
                break
        best = result.get("best_epoch", 0)


if __name__ == "__main__":
    main()
