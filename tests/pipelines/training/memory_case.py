"""Train a network too large for the memory this process may have; prints what was raised."""

import dataclasses
import os
import resource
import sys
from pathlib import Path

import tensorflow as tf

from tests.pipelines.made_models import FRAUD, done

SPARE_BYTES = 300 << 20
HIDDEN = (20_000_000,)  # 1.2 GB of weights


def main():
    tf.constant(1) + 1  # what TensorFlow itself maps comes first
    with Path("/proc/self/statm").open() as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + SPARE_BYTES,) * 2)
    model = dataclasses.replace(FRAUD.model, hidden=HIDDEN)
    try:
        done("train", sys.argv[1], pipeline=dataclasses.replace(FRAUD, model=model))
    except Exception as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    os._exit(0)


main()
