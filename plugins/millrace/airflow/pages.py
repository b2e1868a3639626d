"""The pages that stages publish, and the page of a run at work, inside Airflow's own web interface.

Why: a validation report and a model card are read by people who have Airflow open, not the
    store's file system.
Promise: only who may read the DAG sees its pages; only a declared page of a published
    artifact is served, whatever the address says; a page can load nothing from elsewhere and
    run no script.
Not here: making the pages (``pipelines/shared/expectations/``, ``pipelines/stages/evaluate/``, ``live_page.py``).

Every component loads the plugin, the api-server alone answers requests: the application and
its imports are made at the first request.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.airflow.live import run_now
from millrace.airflow.live_page import live_page
from millrace.airflow.table_dags import dag_id_of
from millrace.airflow.templates import DEFAULT_STORE
from pipelines.core.errors import ArtifactError
from pipelines.core.partitions import ALL, DAY, FORMS
from pipelines.core.store import Manifest, Ref, Store
from pipelines.core.store.added import find_added
from pipelines.core.text import message
from pipelines.protocol import stages
from pipelines.protocol.pages import MISSING, without
from pipelines.protocol.stage import REPORTS
from pipelines.spec import declared_names, load

if TYPE_CHECKING:
    from fastapi import FastAPI

_PARTITION = "|".join((*FORMS.values(), ALL))
KEY = re.compile(
    rf"(table=(?P<table>[a-z][a-z0-9_]*)/)?ds=({_PARTITION})|as_of={FORMS[DAY]}(/seed=\d+)?",
    re.ASCII,
)
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
# A sandboxed page may not load itself again.
LIVE_HEADERS = HEADERS | {"Content-Security-Policy": POLICY}

Message = MutableMapping[str, Any]


class LazyApp:
    """An ASGI application made when it is first asked for something."""

    def __init__(self, make: Callable[[], "FastAPI"]) -> None:
        self._make = make
        self._app: FastAPI | None = None

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        if self._app is None:
            self._app = self._make()
        await self._app(scope, receive, send)


def find_page(
    store: Store, pipeline: str, dataset: str, key: str, kind: str = REPORTS
) -> Path | None:
    """The page of a published artifact, or None where there is none.

    Every part of the address is one of a known list or of a fixed form, so no address leads
    out of the store.

    Args:
        store: Where it is published.
        pipeline: Declared pipeline.
        dataset: Dataset of a stage that publishes pages.
        key: The artifact's key.
        kind: ``reports``, ``data_docs`` or another kind of a stage's record.
    """
    try:
        manifest, file = _published(store, pipeline, dataset, key, kind)
        if manifest is None:
            return None
        folder = store.open(manifest).resolve()
    except ArtifactError:
        return None
    # Where a page was added later, this machine may hold the version without it.
    found = find_added(store, manifest, file)
    page = None if found is None else found.resolve()
    return page if page is not None and page.is_relative_to(folder) else None


def missing_page(
    store: Store, pipeline: str, dataset: str, key: str, kind: str = REPORTS
) -> str:
    """Why there is no page: the artifact was published without it, or there is none."""
    manifest, file = _published(store, pipeline, dataset, key, kind)
    why = {} if manifest is None else manifest.made.get(MISSING, {})
    if manifest is None or file not in why:
        return f"{pipeline}/{dataset}/{key} has no published page."
    return without(manifest, store.uri, {file: why[file]})


def _published(
    store: Store, pipeline: str, dataset: str, key: str, kind: str
) -> tuple[Manifest | None, str]:
    """The artifact of an address, and the name of its page of that kind."""
    files = {stage.dataset: stage.page(kind) for stage in stages()}
    if pipeline not in declared_names() or not files.get(dataset) or not KEY.fullmatch(key):
        return None, ""
    return store.find(Ref(pipeline, dataset, key)), files[dataset]


def dag_of_page(pipeline: str, dataset: str, key: str) -> str | None:
    """The DAG that makes the page of an address; None where there is no such page."""
    makes = {stage.dataset: stage for stage in stages() if stage.pages}
    found = KEY.fullmatch(key)
    if pipeline not in declared_names() or dataset not in makes or found is None:
        return None
    return dag_id_of(load(pipeline), makes[dataset], found["table"])


def store_of(pipeline: str, variable: Callable[[str], str | None]) -> str:
    """Root of a pipeline's store: its own Variable if that is set, else the common one.

    The same order as the template of the tasks (``millrace.airflow.templates.variable``).
    """
    own, common = variable(f"millrace_store_{pipeline}"), variable("millrace_store")
    return own or common or DEFAULT_STORE


def make_app() -> "FastAPI":
    """The application, without the interactive documentation that would need no login."""
    from airflow.api_fastapi.core_api.security import (
        GetUserDep,
        requires_access_dag,
        requires_authenticated,
    )
    from fastapi import Depends, FastAPI, HTTPException, Request
    from fastapi.responses import HTMLResponse, RedirectResponse, Response

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_authenticated())],
    )

    def may_read(request: Request, user: GetUserDep) -> None:
        """The right to a page is the right to the DAG that makes it."""
        named = (request.path_params[name] for name in ("pipeline", "dataset", "key"))
        dag_id = dag_of_page(*named)
        if dag_id is None:
            raise HTTPException(404, "There is no such page.")
        requires_access_dag("GET", param_dag_id=dag_id)(request, user)

    @app.get("/{kind}/{pipeline}/{dataset}/{key:path}", dependencies=[Depends(may_read)])
    def report(kind: str, pipeline: str, dataset: str, key: str) -> HTMLResponse:
        store = Store(store_of(pipeline, _variable))
        page = find_page(store, pipeline, dataset, key, kind)
        if page is None:
            why = missing_page(store, pipeline, dataset, key, kind)
            return HTMLResponse(
                f"<p>{escape(message(why))}</p>", status_code=404, headers=HEADERS
            )
        return HTMLResponse(page.read_text(encoding="utf-8"), headers=HEADERS)

    @app.get("/runs/{dag_id}/{run_id}", dependencies=[Depends(requires_access_dag("GET"))])
    def page_of_run(request: Request, dag_id: str, run_id: str) -> Response:
        run, mount = run_now(dag_id, run_id), request.scope["root_path"]
        if run.goes_on():
            return HTMLResponse(live_page(run, datetime.now(UTC), mount), headers=LIVE_HEADERS)
        if not run.reported():
            return HTMLResponse("<p>This run has published no page.</p>", headers=HEADERS)
        return RedirectResponse(f"{mount}/{REPORTS}/{run.reported()[-1].report}")

    return app


def _variable(name: str) -> str | None:
    from airflow.sdk import Variable

    value = Variable.get(name, default=None)
    return None if value is None else str(value)
