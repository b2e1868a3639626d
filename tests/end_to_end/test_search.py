"""A search for settings under a real Airflow: trials as mapped tasks, one of them killed."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from urllib.parse import quote

import psutil
import pytest

from pipelines.core.store import Ref, Store
from pipelines.domains.fraud_detection.simulator import Simulation, simulate
from pipelines.drivers.local.home import Home
from pipelines.drivers.local.rest_client import FINISHED
from tests.end_to_end.conftest import ROOT, airflow, browser, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

DAG = "fraud_detection_tune"
DAYS, AS_OF, TRIALS, EPOCHS = ("2026-01-03", "2026-01-08"), "2026-01-09", 3, 60
# Labels known at once, so that six days hold the windows of a search and of its model.
SETTINGS = [
    *("label.known_after_days=0", "split.gap_days=0", "split.test_days=2"),
    *("split.train_days=2", f"training.epochs={EPOCHS}", "search.first_epochs=20"),
    "training.checkpoint_every_steps=20",
]


def publish_days(home):
    """Six days with features, as their own DAG makes them."""
    simulate(Simulation(rows_per_day=2000, seed=3), *DAYS, home.source)
    for stage in ("ingest", "validate", "featurize"):
        words = ["stage", stage, "fraud_detection", "--from", DAYS[0], "--to", DAYS[1]]
        words += ["--history-from", DAYS[0], "--store", str(home.store)]
        words += ["--source", str(home.source)] if stage == "ingest" else []
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]


def trials_at_work(store):
    """The processes that run trials on a store, by trial number."""
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if {"trial", "--number", store} <= set(words):
            found[int(words[words.index("--number") + 1])] = process
    return found


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search whose first trial to report an epoch was killed, and what its page showed before."""
    root = tmp_path_factory.mktemp("search")
    publish_days(Home.at(root))
    with airflow(root, ROOT / "dags", millrace_history_from=DAYS[0]) as stack:
        api, store = stack.api, str(stack.home.store)
        api.set_pool("stages", 2, "for this test")
        api.set_pool("gpu", 1, "one trial at a time")
        api.wait_for_dag(DAG, 60)
        api.unpause(DAG)
        run_id = api.trigger(DAG, {"as_of": AS_OF, "trials": TRIALS, "settings": SETTINGS})
        ask, tab = browser(api), f"/millrace/runs/{DAG}/{quote(run_id)}"
        at_once, pages = set(), []

        def shows_metrics():
            stack.require_alive()
            at_once.add(len(trials_at_work(store)))
            page = ask(tab)[1]
            pages.append(page)
            return "<dt>validation average precision</dt>" in page

        eventually(
            shows_metrics, 400, "the page of the run shows the metrics of a trial's epoch"
        )
        ((victim, process),) = trials_at_work(store).items()
        process.kill()

        def ended():
            stack.require_alive()
            at_once.add(len(trials_at_work(store)))
            state = api.get(f"/dags/{DAG}/dagRuns/{quote(run_id)}")["state"]
            return state in FINISHED and state

        assert eventually(ended, 900, "the search has ended") == "success"
        yield stack, run_id, victim, at_once, pages[-1]


def tasks_of(stack, run_id):
    trials, others = {}, {}
    for task in stack.api.tasks(DAG, run_id):
        if task["map_index"] >= 0:
            trials[task["map_index"]] = task
        else:
            others[task["task_id"]] = task
    return trials, others


def test_trials_are_mapped_tasks_one_at_a_time_in_a_pool_of_one(searched):
    stack, run_id, _, at_once, _ = searched
    trials, others = tasks_of(stack, run_id)
    assert sorted(trials) == list(range(TRIALS))
    assert {task["state"] for task in (*trials.values(), *others.values())} == {"success"}
    assert at_once <= {0, 1}
    spans = sorted((task["start_date"], task["end_date"]) for task in trials.values())
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_only_the_killed_trial_is_tried_again_and_it_goes_on_from_its_checkpoint(searched):
    stack, run_id, victim, _, _ = searched
    trials, _ = tasks_of(stack, run_id)
    assert {n: task["try_number"] for n, task in trials.items()} == {
        n: 2 if n == victim else 1 for n in range(TRIALS)
    }
    lines = "\n".join(stack.api.log(DAG, run_id, trials[victim]))
    assert re.search(r"\d+ steps of the previous try were lost", lines), lines[-3000:]


def test_a_trials_label_shows_how_it_ended_and_the_study_says_the_same(searched):
    stack, run_id, _, _, _ = searched
    trials, _ = tasks_of(stack, run_id)
    store = Store(str(stack.home.store))
    found = store.find(Ref("fraud_detection", "tunings", f"as_of={AS_OF}"))
    published_trials = json.loads((store.open(found) / "trials.json").read_text())
    labels = {n: task["rendered_map_index"] for n, task in trials.items()}
    assert labels == {
        t["number"]: f"trial {t['number']}: {t['state']} at {t['by_epoch'][-1]:.4f}"
        for t in published_trials
    }
    assert EPOCHS in {len(t["by_epoch"]) for t in published_trials if t["state"] == "complete"}


def test_while_a_trial_trains_the_page_of_the_run_shows_how_far_it_is(searched):
    *_, victim, _, page = searched
    assert f">trial {victim}<" in page
    for name in ("epoch", "step", "loss", "input stall", "validation average precision"):
        assert f"<dt>{name}</dt>" in page
    assert re.search(rf"\d+ of {EPOCHS}</dd>", page)
    assert "rows/s" in page
    assert "left</span>" in page


def test_the_page_of_the_search_is_linked_and_shown_once_it_has_ended(searched):
    stack, run_id, _, _, _ = searched
    path = f"/dags/{DAG}/dagRuns/{quote(run_id)}/taskInstances/tune/links"
    link = stack.api.get(path, map_index=-1)["extra_links"]["Report"]
    ask = browser(stack.api)
    for address in (link, f"/millrace/runs/{DAG}/{quote(run_id)}"):
        status, page, _ = ask(address)
        assert status == 200
        assert "Card fraud: search" in page
