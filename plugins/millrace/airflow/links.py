"""The buttons of a task: the pages its stage published, and Dask's own while it works.

Why: what a person wants of a refused day is its report, one click from the red square; and of a
    day that takes long, what the workers are doing.
Promise: a link is there for a task that failed, too: a refusal is published before it is
    raised. It shows the version that is published when it is opened, below the path that the
    api-server is mounted at.
Not here: serving the page, and who may see it (``pages.py``).
"""

from typing import Any
from urllib.parse import quote, urlparse

from airflow.sdk import BaseOperatorLink

from pipelines.core.store import Ref
from pipelines.protocol import Stage
from pipelines.protocol.stage import Page

PREFIX = "/millrace"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


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


class PageLink(BaseOperatorLink):
    """Opens a page that a stage published.

    Args:
        page: The page, as the stage's record has it.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def name(self) -> str:
        """What the button says."""
        return self.page.title

    @property
    def xcom_key(self) -> str:
        """Key under which a task stores the page's address."""
        return page_key(self.page.kind)

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Address of the page; Airflow asks for it in the task's process, at its end."""
        return page_address(operator.ref(), self.page.kind)


def page_address(ref: Ref, kind: str) -> str:
    """Address of a page below the path that the api-server is mounted at."""
    from airflow.sdk.configuration import conf

    base = conf.get("api", "base_url", fallback="")
    mount = f"{urlparse(base).path.rstrip('/')}{PREFIX}"
    return f"{mount}/{kind}/{quote(ref.pipeline)}/{ref.dataset}/{quote(ref.key)}"


def page_key(kind: str) -> str:
    """Key under which tasks store the addresses of pages of a kind."""
    return f"_link_{kind}"


def links_of(stage: Stage) -> tuple[BaseOperatorLink, ...]:
    """The buttons of a stage's task."""
    pages = tuple(PageLink(page) for page in stage.pages)
    return (*pages, DashboardLink()) if stage.distributed else pages
