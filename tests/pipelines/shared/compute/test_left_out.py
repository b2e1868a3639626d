"""A run beside a GPU says at its end which tests it left out for want of a package."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
DRIVER = """
class NVMLError(Exception): ...
def nvmlInit(): ...
def nvmlDeviceGetCount(): return 1
"""


@pytest.mark.skipif(find_spec("cupy") is not None, reason="CuPy is installed here")
def test_beside_a_gpu_tests_of_cupy_are_skipped_where_it_is_not_installed(tmp_path):
    (tmp_path / "pynvml.py").write_text(DRIVER)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider"),
            "tests/pipelines/stages/featurize/test_array_modules.py",
        ],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "CUDA_VISIBLE_DEVICES": "0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    said = "a GPU is here, but not cupy (make setup GPU=1)"
    assert sum(line.endswith(said) for line in ran.stdout.splitlines()) == 2
