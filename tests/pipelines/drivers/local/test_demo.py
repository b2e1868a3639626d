"""``make run`` as a person uses it: interrupted, gone on with, found done, stopped from elsewhere."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli.app import app
from pipelines.core.days import shift
from pipelines.core.errors import ConfigError
from pipelines.domains.fraud_detection.planting import Plant
from pipelines.domains.fraud_detection.simulation import BAD_ROWS
from pipelines.domains.fraud_detection.simulator import Simulation, simulate
from pipelines.drivers.local.bounds import require_possible
from pipelines.drivers.local.demo import serve
from pipelines.drivers.local.demo_window import SEED, last_over
from pipelines.drivers.local.machine import choose_port
from pipelines.spec import load, model_days
from pipelines.spec.simulation import simulation_of

ROOT = Path(__file__).resolve().parents[4]


FRAUD = ("fraud_detection", "--days", "36", "--rows-per-day", "1000")


class Demo:
    """The command on a home of its own, with few rows."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, choose_port(18_180)

    @contextmanager
    def serving(self, *options: str, shown=FRAUD):
        """A running ``serve``, its output read line by line."""
        argv = [sys.executable, "-m", "pipelines", "serve", *shown]
        argv += ["--home", str(self.home)]
        argv += ["--port", str(self.port), *options]
        with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def finished(self, shown=FRAUD) -> str:
        """What a run to the end prints; it must succeed."""
        with self.serving("--exit", shown=shown) as process:
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
    assert re.search(r"Verdict: (BETTER|NOT_BETTER|REJECTED)\. ", out)
    assert re.search(r"│ validate +│ +36 │ +3[0-9],[0-9]{3} │", out)
    assert re.search(r"│ tx_amount\.range +│ +36 │", out)
    assert re.search(r"│ 20\d\d-\d\d-\d\d +│ +\d+ │ +\d+ │", out)
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


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_patients_are_shown_by_the_same_command_with_the_best_reachable_score(tmp_path):
    demo = Demo(tmp_path / "home")
    shown = ("disease_progression", "--size", "3000")
    out = demo.finished(shown)
    assert re.search(r"Verdict: (BETTER|NOT_BETTER|REJECTED)\. ", out)
    assert re.search(r"best reachable 0\.[89][0-9]+, of which the model reaches [0-9.]+%", out)
    assert re.search(r"│ pressure\.range +│ +[0-9]+ │", out)
    assert "years published already: done" in demo.finished(shown)
    assert demo.processes() == []


def test_other_numbers_than_the_recorded_ones_are_refused_before_anything_starts(tmp_path):
    (tmp_path / "demo-fraud_detection.json").write_text(
        '{"first": "2026-01-01", "last": "2026-02-14", "partitions": 45, "size": 2000}'
    )
    with pytest.raises(ConfigError, match=r"has 45 days of .* 2,000, and 40 of 2,000 were"):
        serve(tmp_path, ["fraud_detection"], partitions=40, size=2000)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "size",
            300,
            r"--size \(rows a day of fraud_detection\) is 300; expected .* from 960 .* on purpose",
        ),
        ("size", 0, "from 960 to 250,000,000"),
        ("size", 10**12, "from 960 to 250,000,000"),
        ("partitions", 1, r"--partitions \(days .*\) is 1; expected a number from 34 to"),
        ("partitions", -45, r"--partitions .* is -45"),
        ("partitions", 100_000, "the pipeline begins on 2025-01-01"),
        ("port", 0, "--port is 0; expected a number from 1 to 65,535"),
        ("port", 70_000, "--port is 70,000"),
    ],
)
def test_a_number_that_nothing_can_be_made_of_is_refused_and_nothing_is_made(
    tmp_path, option, value, message
):
    with pytest.raises(ConfigError, match=message):
        serve(tmp_path / "home", ["fraud_detection"], **{option: value})
    assert not (tmp_path / "home").exists()


def test_the_fewest_rows_a_day_leave_room_for_what_is_planted(tmp_path):
    """Each day of the fewest rows stays within the share that may be quarantined."""
    share = load("fraud_detection").validation.max_quarantined_share
    least = Simulation(rows_per_day=960, seed=SEED)
    for day in simulate(least, "2026-09-01", "2026-10-15", tmp_path, plant=Plant(rows=7)):
        assert BAD_ROWS / day.rows < share


@given(weekday=st.integers(0, 6))
def test_the_fewest_days_hold_those_of_the_last_weekly_model_on_any_weekday(weekday):
    today = shift("2026-06-01", weekday)
    tick = shift(today, -date.fromisoformat(today).weekday())
    wanted = model_days(load("fraud_detection"), tick).train[0]
    require_possible(load("fraud_detection"), today, partitions=34, size=1000, port=80)
    assert shift(today, -34) <= wanted


@given(day=st.integers(0, 730))
def test_every_demonstration_has_the_partitions_of_its_last_model_on_any_day(day):
    today = shift("2026-01-01", day)
    for name in ("fraud_detection", "disease_progression"):
        pipeline, shown = load(name), simulation_of(name).DEMONSTRATION
        of = pipeline.partitions()
        require_possible(pipeline, today, partitions=shown.partitions, size=shown.size, port=80)
        monday = shift(today, -date.fromisoformat(today).weekday())
        tick = f"{today[:4]}-01-01" if of.grain == "year" else monday
        wanted = model_days(pipeline, tick).all()
        last = last_over(of, today)
        assert of.shift(last, 1 - shown.partitions) <= wanted[0]
        assert wanted[-1] <= last


def test_names_of_pipelines_are_checked_before_anything_starts(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'fraud_detection'"):
        serve(tmp_path / "home", ["disease_progression", "fraud_detectoin"])
    with pytest.raises(ConfigError, match=r"--size \(patients of disease_progression\) is 5"):
        serve(tmp_path / "home", ["disease_progression"], size=5)
    with pytest.raises(ConfigError, match=r"--partitions \(years .*\) is 3; .* from 14 to"):
        serve(tmp_path / "home", ["disease_progression"], partitions=3)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "--rows-per-day",
            "0",
            "rows_per_day must be a whole number from 1 to 250000000; got 0",
        ),
        ("--seed", "-1", "seed must be a whole number from 0"),
        ("--processes", "0", "processes must be a whole number from 1 to 1024; got 0"),
        ("--plant", "rows=-1", "plant"),
    ],
)
def test_a_number_of_simulate_out_of_bounds_is_refused(tmp_path, option, value, message):
    argv = ["simulate", "fraud_detection", "--from", "2026-01-01", "--to", "2026-01-02"]
    with pytest.raises(ConfigError, match=message):
        app(args=[*argv, "--out", str(tmp_path / "x"), option, value], standalone_mode=False)
    assert not (tmp_path / "x").exists()
