"""Which file an address of the plugin gives, and from which store."""

import pytest

from millrace.airflow.links import links_of
from millrace.airflow.pages import find_page, store_of
from pipelines.core.store import Store
from pipelines.protocol import stage_named
from pipelines.protocol.stage import DATA_DOCS, REPORTS
from tests.pipelines.made_models import publish, work_on

DAY = "ds=2026-01-02"
OWN = "fraud_detection"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("pages")

    def write(out):
        for name in ("report.html", "data_docs.html", "secret.html"):
            (out / name).write_text(name)

    stage, work = work_on("validate", root)
    publish(root, stage.name, work.on("2026-01-02"), write)
    return Store(str(root))


def test_each_kind_of_page_is_found_by_the_artifacts_key(store):
    for kind, name in ((REPORTS, "report.html"), (DATA_DOCS, "data_docs.html")):
        page = find_page(store, OWN, "validated", DAY, kind)
        assert page is not None
        assert page.name == name


@pytest.mark.parametrize(
    ("pipeline", "dataset", "key", "kind"),
    [
        (OWN, "validated", f"{DAY}/../{DAY}", REPORTS),
        (OWN, "validated", "../../../../etc/passwd", DATA_DOCS),
        (OWN, "validated", f"{DAY}/secret.html", REPORTS),
        (OWN, "../validated", DAY, REPORTS),
        ("..", "validated", DAY, REPORTS),
        (OWN, "evaluations", "as_of=2026-01-02/seed=0", DATA_DOCS),
        (OWN, "validated", DAY, "secrets"),
        (OWN, "validated", "ds=2026-01-03", REPORTS),
    ],
)
def test_no_other_address_gives_a_file(store, pipeline, dataset, key, kind):
    assert find_page(store, pipeline, dataset, key, kind) is None


def test_a_pipelines_own_store_comes_before_the_common_one():
    variables = {"millrace_store": "/common", "millrace_store_fraud_detection": "/own"}
    assert store_of(OWN, variables.get) == "/own"
    assert store_of("other", variables.get) == "/common"
    assert store_of("other", {}.get).startswith("file://")


@pytest.mark.parametrize(
    ("stage", "pages"),
    [
        ("validate", {"Report", "Data Docs"}),
        ("validate_window", {"Report", "Data Docs"}),
        ("evaluate", {"Report"}),
        ("train", set()),
    ],
)
def test_a_stage_has_the_buttons_of_the_pages_it_publishes(stage, pages):
    names = {link.name for link in links_of(stage_named(stage))}
    assert names & {"Report", "Data Docs"} == pages
