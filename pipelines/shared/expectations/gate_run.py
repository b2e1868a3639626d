"""What the gate of a day and the gate of a window have in common: the run's name, the Data Docs page."""

from pathlib import Path

from pipelines.core.store import digest_of
from pipelines.protocol import Plan


def docs_page(folder: Path) -> str:
    """Data Docs of a day or a window."""
    from pipelines.shared.expectations.report import docs_page

    return docs_page(folder)


def run_of(plan: Plan) -> str:
    """Names what is validated and by which rules: the same for a run that is repeated.

    A bare digest may be read as a number or, by the renderer of Data Docs, as a date: 0015a39...
    was, and lies beyond what a date can be.
    """
    return f"run-{digest_of({'inputs': dict(plan.inputs), 'config': dict(plan.config)})[:16]}"
