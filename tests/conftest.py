"""What every test run says at its end: which tests it left out, and how to run those.

Why: a suite that is green because half of it did not run must say so.
"""

from collections import Counter
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import settings

from pipelines.shared.compute.machine import visible_gpu_count

# A shared machine may take any time for an example; pytest's own limits end what hangs.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")

# Marker -> why a plain run leaves those tests out, and what runs them.
LEFT_OUT = {
    "gpu": "they need an NVIDIA GPU (make test-gpu)",
    "services": "they need a container engine or a cluster (make test-services)",
    "slow": "they take more than 30 s each (make test-slow)",
}
_deselected: Counter[str] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU, or a package that goes with one, where it is not there; say which."""
    marked = [(item, mark) for item in items if (mark := item.get_closest_marker("gpu"))]
    gpus = visible_gpu_count() if marked else 0
    for item, mark in marked:
        missing = [name for name in mark.args if find_spec(name) is None]
        if gpus and not missing:
            continue
        reason = (
            f"a GPU is here, but not {', '.join(missing)} (make setup GPU=1)"
            if gpus
            else "no GPU that this process may use (NVML)"
        )
        item.add_marker(pytest.mark.skip(reason=reason))


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what a marker expression left out, once each."""
    for item in items:
        marks = [name for name in LEFT_OUT if item.get_closest_marker(name)]
        if marks:
            _deselected[marks[0]] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts of a process of several to the one that prints the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(_deselected)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take them; each process has collected, and left out, the same tests."""
    _deselected.update(
        Counter(getattr(node, "workeroutput", {}).get("left_out", {})) - _deselected
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report them beside pytest's own list of skipped tests."""
    for mark, count in sorted(_deselected.items()):
        terminalreporter.write_line(f"NOT RUN: {count} tests marked {mark}: {LEFT_OUT[mark]}")
