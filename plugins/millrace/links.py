"""The button of a task that opens the page its stage published.

Why: what a person wants of a refused day is its report, one click from the red square.
Promise: the link is there for a task that failed, too: a refusal is published before it is
    raised. It shows the version that is published when it is opened, below the path that the
    api-server is mounted at.
Not here: serving the page, and who may see it (``pages.py``).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlparse

from airflow.sdk import BaseOperatorLink

PREFIX = "/millrace"


@dataclass(frozen=True, slots=True)
class Report:
    """A page that a stage publishes among its files.

    Attributes:
        dataset: Dataset the stage publishes to.
        dag: The DAG that runs it, as the suffix of the DAG id.
        file: Name of the page.
    """

    dataset: str
    dag: str
    file: str


REPORTS = {
    "validate": Report(dataset="validated", dag="data", file="report.html"),
    "evaluate": Report(dataset="evaluations", dag="model", file="model_card.html"),
}


class ReportLink(BaseOperatorLink):
    """Opens the validation report or the model card."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Address of the page; Airflow asks for it in the task's process, at its end."""
        from airflow.sdk.configuration import conf

        ref, base = operator.ref(), conf.get("api", "base_url", fallback="")
        return f"{urlparse(base).path.rstrip('/')}{PREFIX}/reports/{quote(ref.pipeline)}/{ref.dataset}/{quote(ref.key)}"
