"""Three days and a model through the stack, and the same by the command line without it.

The stack: Airflow on PostgreSQL schedules, Dask workers of other processes compute, an MLflow
server registers. The command line: no Airflow, threads of one process, MLflow's own SQLite. What is
published must be the same to the byte.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from distributed import Client

from pipelines.core.store import Ref, Store
from pipelines.drivers.local.rest_client import FINISHED, Api, quoted
from tests.end_to_end.conftest import browser, eventually
from tests.services import postgres
from tests.services.topology import ROOT, Topology, clean_environment

pytestmark = [pytest.mark.services, pytest.mark.timeout(1800)]

PIPELINE = "fraud_detection"
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
AS_OF = "2026-03-06"
# One day to train on, one whose labels become known meanwhile, one to evaluate on.
FORM = {"train_days": 1, "epochs": 2}
SETTINGS = ("label.known_after_days=1", "split.gap_days=1", "split.test_days=1")
BY_DAY = ("ingested", "validated", "features")
OF_MODEL = ("training_set", "models", "evaluations", "promotions")
LIMIT_S = 600

Run = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """Where the two ways left what they made, and how often Dask's tasks changed state meanwhile."""

    stack: Store
    alone: Store
    changes: int


def command_line(*words: str) -> subprocess.CompletedProcess[str]:
    """``python -m pipelines`` as a person calls it."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *words],
        cwd=ROOT,
        env=clean_environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def made(topology: Topology, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The three days and the model, made both ways from the same source."""
    span = ["--from", DAYS[0], "--to", DAYS[-1]]
    simulated = command_line(
        "simulate", PIPELINE, *span, "--out", str(topology.source), "--rows-per-day", "8000"
    )
    assert simulated.returncode == 0, simulated.stderr
    before = changes_of_tasks(topology)
    through_airflow(topology.api())
    changes = changes_of_tasks(topology) - before
    alone = tmp_path_factory.mktemp("alone")
    settings = [
        *SETTINGS,
        f"split.train_days={FORM['train_days']}",
        f"training.epochs={FORM['epochs']}",
    ]
    ended = command_line(
        "run",
        PIPELINE,
        *span,
        *(
            "--as-of",
            AS_OF,
            "--source",
            f"file://{topology.source}",
            "--store",
            f"file://{alone}",
        ),
        *(word for setting in settings for word in ("--set", setting)),
        "--json",
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    return Made(Store(f"file://{topology.store}"), Store(f"file://{alone}"), changes)


def changes_of_tasks(topology: Topology) -> int:
    """How often a task changed its state since the Dask scheduler started."""
    with Client(topology.dask, timeout=30) as client:
        return client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)


def through_airflow(api: Api) -> None:
    """Have Airflow take in the days by a backfill, then make the model by its form."""
    data, model = f"{PIPELINE}_data", f"{PIPELINE}_model"
    for dag in (data, model):
        api.wait_for_dag(dag, 180)
        api.unpause(dag)
    api.backfill(data, DAYS[0], DAYS[-1], 2)
    await_success(api, data, len(DAYS), lambda run: run["partition_key"] in DAYS)
    run_id = api.trigger(model, {"as_of": AS_OF, **FORM, "settings": list(SETTINGS)})
    await_success(api, model, 1, lambda run: run["dag_run_id"] == run_id)


def await_success(api: Api, dag: str, count: int, wanted: Callable[[Run], bool]) -> None:
    """Wait until so many runs of a DAG have ended, and hold them to a good end."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        runs = [run for run in api.runs(dag) if wanted(run)]
        ended = [run for run in runs if run["state"] in FINISHED]
        failed = [run for run in ended if run["state"] == "failed"]
        late = time.monotonic() > deadline
        assert not failed, "\n".join(failures(api, dag, run["dag_run_id"]) for run in failed)
        assert not late, "\n".join(failures(api, dag, run["dag_run_id"]) for run in runs)
        if len(ended) == count:
            return
        time.sleep(2)


def failures(api: Api, dag: str, run_id: str) -> str:
    """What the failed tasks of a run logged."""
    logs = []
    for task in api.tasks(dag, run_id):
        if task["state"] not in ("success", "skipped"):
            log = f"/dags/{dag}/dagRuns/{quoted(run_id)}/taskInstances/{task['task_id']}/logs"
            text = api.get(f"{log}/{max(1, task['try_number'])}", map_index=-1)
            logs.append(f"{task['task_id']}: {task['state']}\n{json.dumps(text)[-3000:]}")
    return "\n".join(logs)


def refs() -> list[Ref]:
    """Every artifact that the work publishes."""
    by_day = [Ref(PIPELINE, dataset, f"ds={day}") for dataset in BY_DAY for day in DAYS]
    key = {"training_set": f"as_of={AS_OF}"}
    return by_day + [
        Ref(PIPELINE, dataset, key.get(dataset, f"as_of={AS_OF}/seed=0"))
        for dataset in OF_MODEL
    ]


@pytest.mark.parametrize(
    "ref", [ref for ref in refs() if ref.dataset != "promotions"], ids=lambda ref: ref.path()
)
def test_an_artifact_is_the_same_to_the_byte(made: Made, ref: Ref):
    ours, other = made.stack.find(ref), made.alone.find(ref)
    assert ours is not None
    assert other is not None
    assert (ours.digest, ours.content) == (other.digest, other.content)


def test_the_promotion_comes_to_the_same_in_its_own_registry(made: Made):
    # Which registry was asked is part of its digest, and the two ways ask different ones.
    (ref,) = (ref for ref in refs() if ref.dataset == "promotions")
    ours, other = made.stack.find(ref), made.alone.find(ref)
    assert ours is not None
    assert other is not None
    assert ours.outcome == other.outcome
    assert ours.config["registry"].startswith("http://127.0.0.1:")


def test_nothing_else_was_published(made: Made):
    for dataset in (*BY_DAY, *OF_MODEL):
        wanted = sorted(ref.key for ref in refs() if ref.dataset == dataset)
        assert (
            made.stack.keys(PIPELINE, dataset) == made.alone.keys(PIPELINE, dataset) == wanted
        )


def test_the_workers_took_part(made: Made):
    # A task waits, is processed and is in memory: three changes at least, for each day and the model.
    assert made.changes >= 3 * (len(DAYS) + 1)


def test_the_model_is_in_the_mlflow_servers_database(topology: Topology, made: Made):
    password = topology.settings["MLFLOW_DATABASE_PASSWORD"]
    sql = "select string_agg(name, ',') from registered_models"
    assert postgres.query(topology.ports["5432"], "mlflow", "mlflow", password, sql) == PIPELINE


def test_the_report_of_a_day_opens_in_the_ui_only_for_who_is_logged_in(
    topology: Topology, made: Made
):
    import urllib.error
    import urllib.request

    page = f"{topology.ui}/millrace/reports/{PIPELINE}/validated/ds={DAYS[0]}"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(page, timeout=30)


def test_the_page_of_a_run_reads_progress_from_postgresql_too(topology: Topology, made: Made):
    api, dag, epochs = topology.api(), f"{PIPELINE}_model", 100_000
    form = {"as_of": AS_OF, **FORM, "epochs": epochs, "settings": list(SETTINGS)}
    run_id = quoted(api.trigger(dag, form))
    ask, tab = browser(api), f"/millrace/runs/{dag}/{run_id}"
    try:
        eventually(
            lambda: f" of {epochs:,}</dd>" in ask(tab)[1], 240, "training reported an epoch"
        )
        status, page, _ = ask(tab)
        assert status == 200
        for text in (
            ">train<",
            "rows/s",
            "<dt>loss</dt>",
            "<dt>input stall</dt>",
            "left</span>",
        ):
            assert text in page
        done = re.search(r"([\d,]+) of [\d,]+ rows", page)
        assert done is not None
        eventually(lambda: f"{done[1]} of" not in ask(tab)[1], 60, "the page goes on")
    finally:
        api.patch(f"/dags/{dag}/dagRuns/{run_id}", {"state": "failed"})
    eventually(lambda: "<progress" not in ask(tab)[1], 60, "a run that has ended shows no work")


def test_the_page_of_a_run_that_has_ended_is_the_model_card(topology: Topology, made: Made):
    api, dag = topology.api(), f"{PIPELINE}_model"
    ended = [run for run in api.runs(dag) if run["state"] == "success"]
    status, page, _ = browser(api)(f"/millrace/runs/{dag}/{quoted(ended[0]['dag_run_id'])}")
    assert status == 200
    assert f"Model as of {AS_OF}, seed 0" in page
