"""The buttons of a task: the pages its stage published, and Dask's own while it works.

Why: what a person wants of a refused day is its report, one click from the red square; and of a
    day that takes long, what the workers are doing.
Promise: a link is there for a task that failed, too: a refusal is published before it is
    raised. It shows the version that is published when it is opened, below the path that the
    api-server is mounted at.
Not here: serving the page, and who may see it (``pages.py``).
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlparse

from airflow.sdk import BaseOperatorLink

PREFIX = "/millrace"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Report:
    """The pages that a stage publishes among its files.

    Attributes:
        dataset: Dataset the stage publishes to.
        dag: The DAG that runs it, as the suffix of the DAG id.
        file: Name of its page.
        data_docs: Name of its Data Docs page; empty where it has none.
    """

    dataset: str
    dag: str
    file: str
    data_docs: str = ""

    def page(self, kind: str) -> str:
        """Name of the page of a kind: ``reports`` or ``data_docs``; empty if there is none."""
        return {REPORT_PAGES: self.file, DATA_DOCS_PAGES: self.data_docs}.get(kind, "")


REPORT_PAGES, DATA_DOCS_PAGES = "reports", "data_docs"
REPORTS = {
    "validate": Report("validated", "data", "report.html", data_docs="data_docs.html"),
    "validate_window": Report(
        "window_validations", "model", "report.html", data_docs="data_docs.html"
    ),
    "evaluate": Report("evaluations", "model", "model_card.html"),
    "tune": Report("tunings", "tune", "tuning.html"),
}

DISTRIBUTED = ("validate", "validate_window", "featurize", "preprocess")
"""Stages whose work may be on a Dask cluster."""


class DashboardLink(BaseOperatorLink):
    """Opens the Dask dashboard of the work.

    The address is known once the stage has its cluster and is stored then, under this link's
    key. A cluster of the stage's own is gone at the end, and the button with it.
    """

    name = "Dask dashboard"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Address of the dashboard of a cluster that outlives the task; else nothing."""
        url = str(operator.dashboard)
        return "" if urlparse(url).hostname in LOOPBACK else url


class ReportLink(BaseOperatorLink):
    """Opens the validation report, the model card or the page of the search."""

    name = "Report"
    kind = REPORT_PAGES

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Address of the page; Airflow asks for it in the task's process, at its end."""
        from airflow.sdk.configuration import conf

        ref, base = operator.ref(), conf.get("api", "base_url", fallback="")
        mount = f"{urlparse(base).path.rstrip('/')}{PREFIX}"
        return f"{mount}/{self.kind}/{quote(ref.pipeline)}/{ref.dataset}/{quote(ref.key)}"


class DataDocsLink(ReportLink):
    """Opens Great Expectations' Data Docs of what was validated."""

    name = "Data Docs"
    kind = DATA_DOCS_PAGES


def links_of(stage: str) -> tuple[BaseOperatorLink, ...]:
    """The buttons of a stage's task."""
    report = REPORTS.get(stage)
    return (
        *((ReportLink(),) if report else ()),
        *((DataDocsLink(),) if report and report.data_docs else ()),
        *((DashboardLink(),) if stage in DISTRIBUTED else ()),
    )
