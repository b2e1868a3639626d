"""The client of Airflow's REST interface against a server that answers as it is set up to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipelines.drivers.local import rest_client
from pipelines.drivers.local.rest_client import Api, RestError


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[Api, list[str]]]:
    """A client of a server that answers with these statuses in turn; and what it was asked."""
    asked, coming = list[str](), list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            login = self.path == "/auth/token"
            self.answer(200 if login else coming.pop(0))

        def do_PATCH(self):
            self.answer(coming.pop(0))

        do_GET = do_PATCH  # noqa: N815  the name is the base class's

        def answer(self, status):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"access_token": "t", "status": status}).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield Api(f"http://127.0.0.1:{server.server_port}", "u", "p"), asked
        finally:
            server.shutdown()


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch):
    monkeypatch.setattr(rest_client, "AGAIN_AFTER_S", (0.0, 0.0, 0.0))


def test_what_may_be_asked_twice_is_asked_again_where_the_server_failed():
    with answering(500, 503, 200) as (api, asked):
        assert api.patch("/pools/stages", {"slots": 2})["status"] == 200
    assert asked == ["POST /auth/token", *["PATCH /api/v2/pools/stages"] * 3]


def test_a_server_that_goes_on_failing_is_reported_with_its_status():
    with (
        answering(500, 500, 500, 500) as (api, _),
        pytest.raises(RestError, match="GET /api/v2/dags: Airflow answered 500"),
    ):
        api.get("/dags")


def test_what_makes_something_is_asked_once():
    with (
        answering(500) as (api, asked),
        pytest.raises(RestError, match="Airflow answered 500"),
    ):
        api.post("/backfills", {})
    assert asked == ["POST /auth/token", "POST /api/v2/backfills"]


def test_a_refusal_is_reported_at_once_and_an_old_token_renewed():
    with answering(404) as (api, _), pytest.raises(RestError, match="answered 404"):
        api.get("/dags/none")
    with answering(401, 200) as (api, asked):
        api.get("/dags")
    assert asked.count("POST /auth/token") == 2


def test_waiting_tasks_of_a_run_are_tried_again_by_one_call():
    with answering(200) as (api, asked):
        api.try_again("d", "r", ["ingest"])
    assert asked == ["POST /auth/token", "POST /api/v2/dags/d/clearTaskInstances"]
