"""Pipelines over tables of other shapes than card transactions, each run to a verdict."""

from collections.abc import Callable
from pathlib import Path

import pytest

import millrace

DECLARATIONS = Path(__file__).parent / "declarations"
QUICK = {
    "training.epochs": 2,
    "training.threads": 1,
    "evaluation.bootstrap_samples": 20,
}

RunPipeline = Callable[..., dict]


@pytest.fixture
def run_pipeline(tmp_path, monkeypatch) -> RunPipeline:
    """Run a declaration of this folder over a source to a verdict; returns the run's summary."""
    monkeypatch.setenv("MILLRACE_PIPELINES", str(DECLARATIONS))

    def run(
        name: str, source: Path | str | None, first: str, last: str, **settings: object
    ) -> dict:
        handle = millrace.pipeline(name, QUICK | settings)
        return millrace.run(
            handle,
            tmp_path / "store",
            source=source,
            from_=first,
            to=last,
            options={"track": False},
        )

    return run
