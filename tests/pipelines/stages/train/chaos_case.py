"""``train`` killed with SIGKILL repeatedly, beside an unbroken run; prints a comparison of both.

Called with JSON: ``root`` (a store with a training set), ``settings``, ``kills``, ``seed``, and
``replicas``, the number for each try in turn, the last one for all that follow. Every second kill
falls into a save. TensorFlow is imported once; each try is forked before it does anything.
"""

import json
import logging
import os
import random
import shutil
import signal
import struct
import sys
import time
from pathlib import Path

from pipelines.core.store import Store
from pipelines.spec import with_settings
from tests.pipelines.made_models import FRAUD, done, weights_of, work_on
from tests.pipelines.stages.train.train_process import import_tensorflow

WAIT_S = 900


def scratch_of(root):
    found = list(Path(root).glob("fraud_detection/models/*/*/.scratch-*"))
    return found[0] if found else Path("/nowhere")


def reached(root):
    mark = scratch_of(root) / "reached"
    raw = mark.read_bytes() if mark.exists() else b""
    return struct.unpack("<q", raw)[0] if len(raw) == 8 else 0


def started(root, pipeline, replicas, log):
    """Start one try in a child process."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        from pipelines.stages.train import devices

        # As many devices as this machine would have at this try: no setting, so the work's digest
        # stays the same.
        devices.choose_devices = lambda _asked, _gpus: devices.Devices("cpu", replicas)
        with Path(log).open("a", buffering=1) as file:
            done(
                "train",
                root,
                pipeline=pipeline,
                sink=lambda event: print(json.dumps(event, default=str), file=file),
            )
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(code)


def wait_until(pid, condition):
    """Whether the condition came true before the child ended."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if condition():
            return True
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.0005)
    os.kill(pid, signal.SIGKILL)
    raise TimeoutError(f"nothing happened in {WAIT_S} s")


def killed(root, pid, draw, in_save):
    """Kill a try at a random moment; whether it was alive, and whether a save was left incomplete."""
    start = reached(root)
    target = start + draw.randint(1, 60)

    def moved():
        return reached(root) >= target

    def saving():
        return reached(root) > start and any(scratch_of(root).glob("staging-*"))

    if not wait_until(pid, saving if in_save else moved):
        return False, False
    time.sleep(draw.random() * (0.002 if in_save else 0.02))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True, any(scratch_of(root).glob("staging-*"))


def finished(root, pipeline, replicas, log):
    pid = started(root, pipeline, replicas, log)
    _, status = os.waitpid(pid, 0)
    assert status == 0, Path(log).read_text()[-2000:]


def content(root, pipeline):
    return published(root, pipeline)[1].content


def published(root, pipeline):
    """The store, and the model's manifest."""
    _, work = work_on("train", root, pipeline=pipeline)
    store = Store(str(root))
    return store, store.find(work.model_ref("models"))


def decision(root, pipeline):
    store, manifest = published(root, pipeline)
    return (store.open(manifest) / "decision.json").read_text()


def main():
    import mlflow.pyfunc  # noqa: F401

    import_tensorflow()
    asked = json.loads(sys.argv[1])
    logging.disable(logging.WARNING)
    pipeline = with_settings(FRAUD, asked["settings"])
    draw, tries = random.Random(asked["seed"]), list(asked["replicas"])
    broken = Path(asked["root"])
    unbroken = broken.with_name("unbroken")
    shutil.copytree(broken, unbroken)
    finished(unbroken, pipeline, tries[0], broken / "log-unbroken")
    log, kills, half = broken / "log", 0, 0
    for nth in range(asked["kills"]):
        replicas = tries.pop(0) if len(tries) > 1 else tries[0]
        pid = started(broken, pipeline, replicas, log)
        alive, in_save = killed(broken, pid, draw, nth % 2 == 1)
        kills, half = kills + alive, half + in_save
        if not alive:
            break
    else:
        finished(broken, pipeline, tries[-1], log)
    pairs = list(zip(weights_of(broken, pipeline), weights_of(unbroken, pipeline), strict=True))
    result = {
        "kills": kills,
        "half_saves": half,
        "difference": float(max(abs(a - b).max() for a, b in pairs)),
        "calibration": json.loads(decision(broken, pipeline))["calibration"]["kind"],
        "same_decision": decision(broken, pipeline) == decision(unbroken, pipeline),
        "same_content": content(broken, pipeline) == content(unbroken, pipeline),
        "said": [line for line in log.read_text().splitlines() if "resumed after" in line],
        "left": len(list(broken.glob("fraud_detection/models/*/*/.scratch-*"))),
    }
    print(json.dumps(result), flush=True)


main()
