"""The ``train`` stage as a child process, to be stopped and killed."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import psutil

from pipelines.shared.compute.tensorflow import pinned_tensorflow
from pipelines.spec import Training
from tests.pipelines.made_models import AS_OF

ROOT = Path(__file__).resolve().parents[4]
WAIT_S = 400
OTHER_KERNELS = "MILLRACE_TEST_ONEDNN"


def start(root, *settings, log, options=("track=false",)):
    """Start ``train`` on a store; its output goes to a file."""
    sets = [each for s in settings for each in ("--set", s)]
    sets += [each for option in options for each in ("--option", option)]
    argv = [sys.executable, "-m", "pipelines", "stage", "train", "fraud_detection"]
    with Path(log).open("ab") as file:
        return subprocess.Popen(
            [*argv, "--as-of", AS_OF, "--store", str(root), *sets],
            cwd=ROOT,
            stdout=file,
            stderr=file,
        )


def import_tensorflow():
    """Import TensorFlow as a stage does, or with the kernels of ``OTHER_KERNELS``."""
    if OTHER_KERNELS in os.environ:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = os.environ[OTHER_KERNELS]
        import tensorflow  # noqa: F401
    pinned_tensorflow(Training().threads)


def results_of(case, asked, timeout=500, onednn=None):
    """Run a case of this package in a process; the JSON lines that it printed.

    ``onednn`` is ``"1"`` for TensorFlow's fused kernels; None for those that a stage pins.
    """
    env = os.environ | ({OTHER_KERNELS: onednn} if onednn else {})
    ran = subprocess.run(
        [sys.executable, "-m", f"tests.pipelines.stages.train.{case}", json.dumps(asked)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


def reached(root):
    """The last step that an unfinished run has done."""
    marks = list(Path(root).glob("fraud_detection/models/*/*/.scratch-*/reached"))
    raw = marks[0].read_bytes() if marks else b""
    return struct.unpack("<q", raw)[0] if len(raw) == 8 else 0


def wait_for_step(child, root, step):
    deadline = time.monotonic() + WAIT_S
    while reached(root) < step:
        assert child.poll() is None, "the run ended before it was to be stopped"
        assert time.monotonic() < deadline, f"step {step} was not reached in {WAIT_S} s"
        time.sleep(0.005)


def finish(child):
    """Wait for the child's end; its exit code and how long that took."""
    began = time.monotonic()
    code = child.wait(WAIT_S)
    return code, time.monotonic() - began


def _cpu_seconds(child):
    used = psutil.Process(child.pid).cpu_times()
    return used.user + used.system


def interrupt(root, step, number, *settings, log):
    """Run until a step is done and send a signal; its exit code and the CPU-seconds it still took."""
    child = start(root, *settings, log=log)
    try:
        wait_for_step(child, root, step)
        before = _cpu_seconds(child)
        os.kill(child.pid, number)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, used.ru_utime + used.ru_stime - before
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            child.wait()
