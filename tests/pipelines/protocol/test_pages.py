"""A page never decides over a result: what fails, what is published, and how the page comes later."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from dateutil.parser import parse
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from millrace.airflow.pages import find_page, missing_page
from pipelines.cli.app import app
from pipelines.core.errors import ConfigError, PermanentError, StageStoppedError
from pipelines.core.store import Store
from pipelines.core.store.verify import verify
from pipelines.protocol import Plan, perform
from pipelines.protocol.stage import DATA_DOCS
from pipelines.shared.expectations import gate_run
from tests.pipelines.made_models import done as model_done
from tests.pipelines.made_models import publish_model, publish_training_set
from tests.pipelines.protocol.conftest import TOY
from tests.pipelines.shared.tables.made import DAY, done, published, transactions, write_source
from tests.pipelines.stages.validate_window.test_validate_window import publish_window

BEYOND_DATES = "0015a39724843903"
RENDERER = "great_expectations.render.renderer.ValidationResultsPageRenderer.render"


def overflow(*_args, **_kwargs):
    raise OverflowError("signed integer is greater than\n maximum")


def made(*argv):
    """What ``python -m pipelines pages`` says as JSON."""
    ended = CliRunner().invoke(app, ["pages", "fraud_detection", *map(str, argv), "--json"])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return json.loads(ended.stdout)


def run_named(monkeypatch, digest):
    monkeypatch.setattr(gate_run, "digest_of", lambda _: digest + 48 * "0")
    return gate_run.run_of(Plan(inputs={}, config={}, code={}))


@pytest.fixture(scope="module")
def ingested(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ingested")
    write_source(folder / "source", transactions(100))
    done("ingest", folder / "store", folder / "source")
    return folder / "store"


@pytest.fixture
def store(ingested, tmp_path):
    """A store of its own with the ingested day."""
    shutil.copytree(ingested.parent / "source", tmp_path / "source")
    return Path(shutil.copytree(ingested, tmp_path / "store"))


def test_a_digest_that_reads_as_a_date_beyond_all_dates_names_a_day_with_all_its_pages(
    store, monkeypatch
):
    with pytest.raises(OverflowError):
        parse(BEYOND_DATES)
    run_named(monkeypatch, BEYOND_DATES)
    assert "pages_missing" not in done("validate", store)
    assert (published(store, "validated") / "data_docs.html").stat().st_size > 10_000


@given(st.text("0123456789abcdef", min_size=16, max_size=16))
def test_no_parser_takes_the_name_of_a_run_for_a_date_or_a_number(digest):
    with pytest.MonkeyPatch.context() as monkeypatch:
        name = run_named(monkeypatch, digest)
    with pytest.raises(ValueError, match="Unknown string format"):
        parse(name)
    for number in (int, float):
        with pytest.raises(ValueError, match=r"invalid literal|could not convert"):
            number(name)


def test_of_many_random_names_none_is_a_date():
    for number in np.random.default_rng(0).integers(0, 2**63, 3000):
        with pytest.raises(ValueError, match="Unknown string format"):
            parse(f"run-{number:016x}")


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        (RENDERER, ["data_docs.html"]),
        ("pipelines.shared.expectations.report.page", ["report.html"]),
        ("jinja2.environment.Template.render", ["data_docs.html", "report.html"]),
    ],
)
def test_a_day_whose_pages_cannot_be_made_is_published_and_they_are_added_later(
    store, monkeypatch, broken, missing
):
    with monkeypatch.context() as patch:
        patch.setattr(broken, overflow)
        result = done("validate", store)
        with pytest.raises(PermanentError, match=r"pages cannot be made .*OverflowError"):
            made("--store", store)
    assert result["rows"] == 100
    why = "OverflowError: signed integer is greater than maximum"
    assert result["pages_missing"] == dict.fromkeys(missing, why)
    folder = published(store, "validated")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(made("--store", store, "--partition", DAY)["artifacts"][0]["made"]) == missing
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(after.keys() - before.keys()) == missing
    # The manifest records the new pages; nothing else is touched.
    assert {n: after[n] for n in before if n != "manifest.json"} == {
        n: before[n] for n in before if n != "manifest.json"
    }
    assert verify(Store(str(store))).damaged == []
    again = done("validate", store)
    assert again["cached"] is True
    assert "pages_missing" not in again
    assert again["content"] == result["content"]


def test_a_page_is_the_same_made_at_once_and_later_and_is_no_content(
    store, ingested, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(RENDERER, overflow)
        later = done("validate", store)
    made("--store", store)
    other = Path(shutil.copytree(ingested, tmp_path / "other"))
    at_once = done("validate", other)
    assert at_once["content"] == later["content"]
    pages = [(published(root, "validated") / "data_docs.html") for root in (store, other)]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_what_is_missing_is_said_in_the_log_and_where_the_page_would_be(
    store, monkeypatch, caplog
):
    caplog.set_level("INFO", "millrace")
    monkeypatch.setattr(RENDERER, overflow)
    done("validate", store)
    at = (Store(str(store)), "fraud_detection", "validated", f"ds={DAY}", DATA_DOCS)
    assert find_page(*at) is None
    command = f"python -m pipelines pages fraud_detection --store {store} --partition {DAY}"
    assert [r.levelname for r in caplog.records if "without" in r.getMessage()] == ["WARNING"]
    for text in (caplog.text, missing_page(*at)):
        assert "published without data_docs.html (OverflowError" in text
        assert command in text
    monkeypatch.undo()
    made(*command.split()[5:])
    assert find_page(*at) is not None


def test_a_page_added_to_a_remote_store_is_found_by_a_host_that_holds_the_version_already(
    store, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "own"))
    remote = f"memory://{tmp_path.name}/store"
    done("ingest", remote, store.parent / "source")
    with monkeypatch.context() as patch:
        patch.setattr(RENDERER, overflow)
        done("validate", remote)
    at = (Store(remote), "fraud_detection", "validated", f"ds={DAY}", DATA_DOCS)
    other = tmp_path / "other"
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    assert find_page(*at) is None
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "own"))
    assert made("--store", remote)["counts"]["made"] == 1
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    page = find_page(*at)
    assert page is not None
    assert page.is_relative_to(other)
    assert "pages_missing" not in done("validate", remote)


def test_a_page_that_is_damaged_keeps_nobody_from_the_result(store):
    first = done("validate", store)
    page = published(store, "validated") / "report.html"
    for damage in (lambda: page.write_text("damaged"), page.unlink):
        damage()
        again = done("validate", store)
        assert (again["cached"], again["content"]) == (True, first["content"])
        assert published(store, "validated") == page.parent
        (damaged,) = verify(Store(str(store))).damaged
        assert list(damaged["files"]) == ["report.html"]
        assert damaged["remedy"].startswith("Its result stands. Run pages for it")
    made("--store", store)
    assert verify(Store(str(store))).damaged == []


def test_a_page_that_is_there_is_made_again_only_when_asked_or_damaged(store):
    first = done("validate", store)
    page = published(store, "validated") / "report.html"
    whole = page.read_text()
    assert made("--store", store)["counts"] == {"made": 0, "there": 2, "failed": 0}
    for damage in (lambda: page.write_text("of an earlier renderer"), page.unlink):
        damage()
        assert made("--store", store)["counts"] == {"made": 1, "there": 1, "failed": 0}
        assert page.read_text() == whole
    assert made("--store", store, "--again")["counts"] == {"made": 2, "there": 0, "failed": 0}
    again = done("validate", store)
    assert (again["cached"], again["content"]) == (True, first["content"])
    assert verify(Store(str(store))).damaged == []


@pytest.mark.parametrize(
    "broken", ["heads.binary.roc_plot", "model_card.serving_facts", "model_card.card_page"]
)
def test_a_model_is_evaluated_whose_card_cannot_be_drawn(tmp_path, monkeypatch, broken):
    publish_training_set(tmp_path, rows=100)
    publish_model(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(f"pipelines.stages.evaluate.{broken}", overflow)
        result = model_done("evaluate", tmp_path)
    assert result["verdict"] == "BETTER"
    assert list(result["pages_missing"]) == ["model_card.html"]
    assert made("--store", tmp_path)["artifacts"][0]["made"] == ["model_card.html"]
    assert "pages_missing" not in model_done("evaluate", tmp_path)


def test_a_window_is_validated_whose_pages_cannot_be_made(tmp_path, monkeypatch):
    publish_window(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("jinja2.environment.Template.render", overflow)
        result = model_done("validate_window", tmp_path)
    assert result["verdict"] == "accepted"
    assert sorted(result["pages_missing"]) == ["data_docs.html", "report.html"]
    assert made("--store", tmp_path, "--as-of", result["key"][6:])["counts"]["made"] == 2


class Paged:
    """A toy stage with a page that ends as it is asked."""

    @staticmethod
    def pages(_work):
        def page(_folder):
            raise Paged.error

        return {"toy.html": page}


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        MemoryError(),
        RecursionError("deep"),
        OSError(28, "No space left on device"),
    ],
)
def test_whatever_a_page_raises_the_result_stands(toy_work, monkeypatch, error):
    monkeypatch.setattr("tests.pipelines.protocol.toy.stage.pages", Paged.pages, raising=False)
    monkeypatch.setattr(Paged, "error", error, raising=False)
    result = perform(TOY, toy_work(number=4))
    assert result["pages_missing"]["toy.html"].startswith(type(error).__name__)
    assert perform(TOY, toy_work(number=4))["cached"]


def test_a_stage_that_is_asked_to_stop_while_it_makes_a_page_stops(toy_work, monkeypatch):
    monkeypatch.setattr("tests.pipelines.protocol.toy.stage.pages", Paged.pages, raising=False)
    monkeypatch.setattr(Paged, "error", StageStoppedError("stopped"), raising=False)
    with pytest.raises(StageStoppedError):
        perform(TOY, toy_work(number=4))


def test_a_page_with_half_a_character_is_written(toy_work, monkeypatch):
    monkeypatch.setattr(
        "tests.pipelines.protocol.toy.stage.pages",
        lambda _work: {"toy.html": lambda _folder: "a\ud800b"},
        raising=False,
    )
    assert "pages_missing" not in perform(TOY, toy_work(number=4))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--stage", "validat"], "Did you mean 'validate'"),
        (["--stage", "ingest"], "publishes no page"),
        (["--partition", "2018-4-1"], "is not a partition. Write a day as 2026-01-31"),
        (["--partition", "2018-04-01", "--as-of", "2018-04-01"], "give one of them"),
        ([], "nothing with pages is published in .* for any day. Run validate or"),
    ],
)
def test_pages_refuses_what_it_cannot_do_and_says_what_it_can(tmp_path, argv, message):
    with pytest.raises(ConfigError, match=message):
        made("--store", tmp_path, *argv)
