"""``make run`` as a person uses it: interrupted, gone on with, found done, stopped from elsewhere."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipelines.local.machine import choose_port

ROOT = Path(__file__).resolve().parents[3]


class Demo:
    """The command on a home of its own, with few rows."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, choose_port(18_180)

    @contextmanager
    def serving(self, *options: str):
        """A running ``serve``, its output read line by line."""
        argv = [sys.executable, "-m", "pipelines", "serve", "--home", str(self.home)]
        argv += ["--days", "36", "--rows-per-day", "1000", "--port", str(self.port), *options]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def finished(self) -> str:
        """What a run to the end prints; it must succeed."""
        with self.serving("--exit") as process:
            out, _ = process.communicate(timeout=540)
        assert process.returncode == 0, out
        return out

    def processes(self) -> list[psutil.Process]:
        """Processes that have this home in their environment or their arguments."""
        found = []
        for process in psutil.process_iter():
            try:
                known = " ".join([*process.environ().values(), *process.cmdline()])
            except psutil.Error:
                continue
            found += [process] if str(self.home) in known else []
        return found


def read_until(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"ended without saying {text!r}")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_is_interrupted_gone_on_with_found_done_and_stopped_from_elsewhere(tmp_path):
    demo = Demo(tmp_path / "home")
    with demo.serving() as process:
        read_until(process, "at work")
        process.send_signal(signal.SIGTERM)
        assert "Stopped. What was made stays in" in process.communicate(timeout=60)[0]
        assert process.returncode == 0
    assert demo.processes() == []

    out = demo.finished()
    assert re.search(r"Verdict: (PROMOTE|HOLD|REJECT)\. ", out)
    assert re.search(r"│ validate +│ +36 │ +3[0-9],[0-9]{3} │", out)
    assert re.search(r"│ tx_amount\.range +│ +36 │", out)
    assert demo.processes() == []

    with demo.serving() as process:
        read_until(process, "days published already: done")
        read_until(process, "Ctrl-C stops it")
        stop = [sys.executable, "-m", "pipelines", "stop", "--home", str(demo.home)]
        assert re.search(
            r"[0-9]+ processes ended", subprocess.check_output(stop, cwd=ROOT, text=True)
        )
        process.wait(timeout=60)
    assert demo.processes() == []


def test_other_numbers_than_the_recorded_ones_are_refused_before_anything_starts(tmp_path):
    argv = [sys.executable, "-m", "pipelines", "serve", "--home", str(tmp_path), "--days", "3"]
    (tmp_path / "demo.json").write_text(
        '{"first": "2026-01-01", "last": "2026-01-05", "days": 5, "rows_per_day": 10}'
    )
    done = subprocess.run(
        [*argv, "--rows-per-day", "10"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "holds 5 days of 10 rows, and 3 of 10 were asked for" in done.stderr
