"""Every benchmark can be started: they are run by hand, and would break unseen."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_every_script_loads():
    names = sorted(f"tests.benchmarks.{script.stem}" for script in HERE.glob("*_*.py"))
    code = f"import importlib; [importlib.import_module(name) for name in {names}]"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE.parents[1], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


def test_a_benchmark_asked_for_gpus_that_are_not_there_says_so_at_once():
    script = HERE / "bench_preprocess.py"
    ran = subprocess.run(
        [sys.executable, str(script), "--gpus", "99"],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert "and --gpus 99 asks for 99" in ran.stderr
    assert ran.stdout == ""
