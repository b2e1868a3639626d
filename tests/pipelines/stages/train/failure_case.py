"""Runs that end otherwise than by their last epoch, each in a process of its own.

Called with JSON: ``root`` (a store with a training set), ``settings``, ``head`` (of ``HEADS``), and
``spare_mb``, memory that the process may take beyond what TensorFlow itself maps; prints what each try
ended with.
"""

import dataclasses
import json
import logging
import os
import resource
import sys
from pathlib import Path

from pipelines.core.errors import PipelineError
from pipelines.spec import Gates, with_settings
from tests.pipelines.made_models import FRAUD, done
from tests.pipelines.stages.train.labels import HEADS
from tests.pipelines.stages.train.train_process import import_tensorflow

TRIES = 6


def limit_memory(spare_mb):
    import tensorflow as tf

    tf.constant(1) + 1  # what TensorFlow itself maps comes first
    with Path("/proc/self/statm").open() as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + (spare_mb << 20),) * 2)


def one_try(asked):
    headed = FRAUD
    if asked["head"] != "binary":
        headed = dataclasses.replace(FRAUD, head=HEADS[asked["head"]], gates=Gates())
    pipeline, said = with_settings(headed, asked["settings"]), []
    if asked.get("spare_mb"):
        limit_memory(asked["spare_mb"])
    try:
        done("train", asked["root"], pipeline=pipeline, sink=said.append)
    except PipelineError as error:
        return {"error": f"{type(error).__name__}: {error}", "said": said}
    return {"error": "", "said": said}


def main():
    import mlflow.pyfunc  # noqa: F401  what it maps at import is not part of a limit either

    import_tensorflow()
    asked = json.loads(sys.argv[1])
    logging.disable(logging.WARNING)
    for _ in range(TRIES):
        reading, writing = os.pipe()
        if not os.fork():
            with os.fdopen(writing, "w") as file:
                json.dump(one_try(asked), file, default=str)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            result = json.load(file)
        os.wait()
        print(json.dumps(result), flush=True)
        if "OutOfMemory" not in result["error"]:
            break


if __name__ == "__main__":
    main()
