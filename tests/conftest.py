"""What every test run says at its end: which tests it left out, and how to run those.

Why: a suite that is green because half of it did not run must say so.
"""

from collections import Counter

import pytest

from pipelines.compute.machine import visible_gpu_count

# Marker -> why a plain run leaves those tests out, and what runs them.
LEFT_OUT = {
    "gpu": "they need an NVIDIA GPU (make test-gpu)",
    "services": "they need a container engine or a cluster (make test-services)",
    "slow": "they take more than 30 s each (make test-slow)",
}
_deselected: Counter[str] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where none can be used, and say so."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not visible_gpu_count():
        skip = pytest.mark.skip(reason="no GPU that this process may use (NVML)")
        for item in marked:
            item.add_marker(skip)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count what a marker expression left out, once each."""
    for item in items:
        marks = [name for name in LEFT_OUT if item.get_closest_marker(name)]
        if marks:
            _deselected[marks[0]] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell them beside pytest's own list of skipped tests."""
    for mark, count in sorted(_deselected.items()):
        terminalreporter.write_line(f"NOT RUN: {count} tests marked {mark}: {LEFT_OUT[mark]}")
