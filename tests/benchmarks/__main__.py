"""Run the benchmarks one after another: ``python -m tests.benchmarks [name ...]``.

Each is a script of its own in a process of its own; a name picks those that contain it.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def main(names: list[str]) -> int:
    scripts = sorted(HERE.glob("bench_*.py"))
    chosen = [s for s in scripts if not names or any(name in s.stem for name in names)]
    if not chosen:
        known = ", ".join(s.stem.removeprefix("bench_") for s in scripts)
        sys.stderr.write(f"No benchmark is called {' or '.join(names)}. Known: {known}.\n")
        return 2
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    for script in chosen:
        sys.stdout.write(f"== {script.stem}\n")
        sys.stdout.flush()
        subprocess.run([sys.executable, str(script)], env=env, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
