"""Every benchmark can be started: they are run by hand, and would break unseen."""

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
