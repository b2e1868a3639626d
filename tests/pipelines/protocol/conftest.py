import pytest

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Stage, Work, stages
from pipelines.protocol.catalog import Catalog
from pipelines.spec import load

TOY = Stage(
    record="tests.pipelines.protocol.toy.record",
    dataset="doubled",
    scope="partition",
    does="Doubles.",
)


@pytest.fixture
def toy_log(tmp_path, monkeypatch):
    log = tmp_path / "log.txt"
    log.touch()
    monkeypatch.setenv("TOY_LOG", str(log))
    return log


@pytest.fixture
def toy_in_catalog(monkeypatch):
    known = Catalog.of([*stages(), TOY])
    monkeypatch.setattr("pipelines.protocol.catalog.catalog", lambda: known)


@pytest.fixture
def toy_work_of(toy_log, toy_in_catalog):
    def below(root):
        def make(day="2026-01-01", store=None, **options):
            return Work(
                pipeline=load("fraud_detection"),
                store=Store(str(store or root / "store")),
                report=Reporter("toy"),
                partition=day,
                history_from="2026-01-01",
                options=options,
            )

        return make

    return below


@pytest.fixture
def toy_work(tmp_path, toy_work_of):
    return toy_work_of(tmp_path)
