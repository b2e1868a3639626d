"""The end of the demonstration: which partitions are scored, by which runs, and the table of what came of it."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipelines.core.errors import PermanentError
from pipelines.drivers.local.console import Terminal
from pipelines.drivers.local.demo_window import Window
from pipelines.drivers.local.flow import Flow
from pipelines.drivers.local.home import Home
from pipelines.drivers.local.outcome import print_scores
from pipelines.drivers.local.published import Published
from tests.pipelines.made_models import FRAUD, publish, work_on
from tests.pipelines.stages.score.scored_days import (
    ALERTING,
    publish_day,
    publish_dense,
    register,
    scored,
)

DAYS = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]


class ScheduledByHand:
    """What Flow asks of Airflow; a run is done in this process, as its task would do it."""

    base = "http://airflow"

    def __init__(self, root, fails=()):
        self.root, self.fails, self.asked = root, fails, []

    def unpause(self, dag_id):
        self.asked.append(dag_id)

    def trigger(self, dag_id, conf):
        self.asked.append(conf)
        options = {"version": conf["version"]} if "version" in conf else {}
        if conf["partition"] not in self.fails:
            scored(self.root, conf["partition"], **options)
        return conf["partition"]

    def wait_run(self, _dag, run_id, show):
        show([])
        return "failed" if run_id in self.fails else "success"

    def tasks(self, _dag, _run):
        return [{"task_id": "score", "state": "failed"}]


@pytest.fixture
def published(tmp_path):
    home = Home.at(tmp_path)
    for seed, day in enumerate(DAYS):
        publish_day(home.store, day, rows=40, seed=seed)
    window = Window(first=DAYS[0], last=DAYS[-1], partitions=4, size=40)
    return Published(pipeline=FRAUD, home=home, window=window)


def flow_of(published, **more):
    api = ScheduledByHand(published.home.store, **more)
    stack = SimpleNamespace(api=api, require_alive=lambda: None)
    terminal = Terminal(Console(file=io.StringIO(), width=100))
    return Flow(stack=stack, published=published, terminal=terminal)


def champion_as_of(published, as_of, *, is_champion=True):
    model = publish_dense(published.home.store, as_of=as_of, decision=ALERTING)
    register(published.home.store, model, champions=(1,) if is_champion else ())
    _, work = work_on("promote", published.home.store, as_of=as_of)
    publish(
        published.home.store,
        "promote",
        work,
        lambda out: (out / "promotion.json").write_text("{}"),
        outcome={"version": 1},
    )


def test_the_days_with_a_champion_are_scored_by_runs_of_their_own(published):
    champion_as_of(published, DAYS[2])
    flow = flow_of(published)
    found = flow.score(DAYS[2])
    assert flow.stack.api.asked == [
        "fraud_detection_score",
        {"partition": DAYS[2]},
        {"partition": DAYS[3]},
    ]
    assert [each.key for each in found] == [f"ds={DAYS[2]}", f"ds={DAYS[3]}"]


@pytest.mark.parametrize(
    ("as_of", "is_champion"), [("2026-03-05", True), ("2026-02-01", False)]
)
def test_without_a_day_that_has_a_champion_the_last_is_scored_with_the_chosen_version(
    published, as_of, is_champion
):
    champion_as_of(published, as_of, is_champion=is_champion)
    flow = flow_of(published)
    (found,) = flow.score(as_of)
    assert flow.stack.api.asked[1:] == [{"partition": DAYS[3], "version": "1"}]
    assert found.key == f"version=1/ds={DAYS[3]}"


def test_without_any_version_nothing_is_scored(published):
    flow = flow_of(published)
    assert flow.score("2026-03-01") == []
    assert flow.stack.api.asked == []


def test_a_run_that_failed_is_named_with_its_task(published):
    champion_as_of(published, DAYS[3])
    with pytest.raises(PermanentError, match=r"The run that scores failed in score\."):
        flow_of(published, fails=(DAYS[3],)).score(DAYS[3])


def test_the_table_shows_rows_and_alerts_of_each_day(published):
    champion_as_of(published, DAYS[2])
    found = flow_of(published).score(DAYS[2])
    terminal = Terminal(Console(file=io.StringIO(), width=100))
    print_scores(terminal, found)
    shown = terminal.console.file.getvalue()
    for each in found:
        line = next(row for row in shown.splitlines() if each.key.removeprefix("ds=") in row)
        cells = [cell.strip() for cell in line.split("│")][2:5]
        assert cells == ["1", "40", f"{each.outcome['metrics']['alerts']:.0f}"]


@pytest.mark.parametrize(
    ("last", "as_of"),
    [
        # The first model trains from 36 days before the last on.
        ("2026-02-05", None),
        ("2026-02-06", "2026-01-29"),
        # Labels of 02-06 and 02-07 are known at the ends of 02-13 and 02-14.
        ("2026-02-14", "2026-02-06"),
    ],
)
def test_the_first_model_is_of_the_day_whose_labels_the_last_days_know(tmp_path, last, as_of):
    window = Window(first="2026-01-01", last=last, partitions=45, size=40)
    published = Published(pipeline=FRAUD, home=Home.at(tmp_path), window=window)
    assert published.first_model_day() == as_of
    assert not published.has_champion("2026-02-06")
