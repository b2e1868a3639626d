"""Watching a day: what alarms and what does not, done once, in any order, and refused only after it is published."""

import re
import shutil

import numpy as np
import pytest

from pipelines.core.errors import AlarmError, InputMissingError
from pipelines.core.store import Ref, Store
from pipelines.spec import Limit, Retraining, Watch
from pipelines.stages.watch import stage
from tests.pipelines.made_models import FRAUD
from tests.pipelines.stages.watch.watched_days import (
    AS_OF,
    DAY,
    SHARES,
    alarms,
    made_store,
    put_evaluation,
    put_features,
    put_scores,
    put_settlement,
    read,
    shift,
    watched,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    return root, made_store(root)


@pytest.fixture
def store(made, tmp_path):
    root = tmp_path / "store"
    shutil.copytree(made[0], root, symlinks=True)
    return root


def test_days_like_those_before_raise_no_alarm(store):
    """A Monday, and a Sunday, on which fewer rows at other hours are usual."""
    for day in (DAY, shift(DAY, -1)):
        result, published = watched(store, day)
        assert alarms(published) == []
        assert (result["verdict"], result["metrics"]["alarms"]) == ("accepted", 0.0)
    measured = {(m["kind"], m["against"], m["what"]) for m in published["measured"]}
    inputs = ("tx_amount", "hour", "night")
    assert {("drift", a, w) for a in BOTH for w in inputs} <= measured
    assert {("volume", a, "rows") for a in BOTH} <= measured
    assert {("labels", a, "label rate") for a in BOTH} <= measured
    assert {("drift", a, "scores") for a in ("test", "recent")} <= measured
    assert [q["labels"] for q in published["quality"]] == [True, False]


BOTH = ("training", "recent")
DRIFTED = {
    "scale": {"tx_amount": lambda v: v * 4},
    "shift": {"tx_amount": lambda v: v + 60},
    "new value": {"tx_amount": lambda v: np.where(np.arange(len(v)) % 7 == 0, 1e7, v)},
    "missing": {"tx_amount": lambda v: np.where(np.arange(len(v)) % 3 == 0, np.nan, v)},
    "constant": {"tx_amount": lambda v: np.full(len(v), 20.0)},
}


@pytest.mark.parametrize("change", DRIFTED.values(), ids=[*DRIFTED])
def test_an_input_that_drifts_is_named_against_both_sides(store, change):
    put_features(store, DAY, change=change)
    _, published = watched(store)
    assert alarms(published) == [("drift", "tx_amount", side) for side in BOTH]
    for alarm in published["alarms"]:
        assert alarm["severity"] == "warn"
        assert alarm["value"] > alarm["limit"] == 0.25
        assert "The limit is 0.25" in alarm["says"]


def test_rows_labels_scores_and_the_metric_alarm_by_themselves(store, made):
    put_features(store, DAY, rows=3000)
    assert alarms(watched(store)[1]) == [("volume", "rows", side) for side in BOTH]
    put_features(store, DAY)
    put_features(store, shift(DAY, -7), rate=0.4)
    assert alarms(watched(store)[1]) == [("labels", "label rate", side) for side in BOTH]
    put_features(store, shift(DAY, -7))
    put_scores(store, DAY, made[1], shares=SHARES[::-1])
    assert alarms(watched(store)[1]) == [
        ("drift", "scores", side) for side in ("test", "recent")
    ]
    put_scores(store, DAY, made[1])
    for n in range(7):
        put_settlement(store, shift(DAY, -n), 0.5, estimate=0.5 + n / 1000)
    published = watched(store)[1]
    assert alarms(published) == [
        ("decay", "average_precision", "test"),
        ("decay", "estimated average_precision", "test"),
    ]
    assert "worse by 0.2" in published["alarms"][0]["says"]


def test_a_worse_metric_within_its_interval_is_no_decay(store):
    for n in range(7):
        put_settlement(store, shift(DAY, -n), 0.5 + 0.2 * (n % 2), half=0.4)
    published = watched(store)[1]
    assert published["quality"][0]["loss"] > 0.1
    assert alarms(published) == []


def test_a_holiday_like_a_sunday_is_usual_and_one_like_no_day_is_excused(store):
    put_features(store, DAY, rows=150, change={"hour": lambda v: v + 9})
    assert alarms(watched(store)[1]) == []
    put_features(store, DAY, rows=30, change={"hour": lambda v: v + 18})
    what = {(kind, what) for kind, what, _ in alarms(watched(store)[1])}
    assert what == {("drift", "hour"), ("volume", "rows")}
    _, published = watched(store, excused=(DAY,))
    assert (alarms(published), published["excused"]) == ([], True)
    assert any(m["what"] == "hour" and m["level"] for m in published["measured"])


def test_a_limit_that_fails_publishes_the_day_first_and_names_what_to_do(store):
    put_features(store, DAY, change=DRIFTED["scale"])
    strict = Watch(psi=Limit(warn=0.1, refuse=0.3))
    with pytest.raises(
        AlarmError, match=r"tx_amount is distributed otherwise.*make a new model"
    ):
        watched(store, watch=strict)
    published = read(store)
    assert {a["severity"] for a in published["alarms"]} == {"refuse"}
    with pytest.raises(AlarmError):
        watched(store, watch=strict)
    page = Store(str(store)).open(_manifest(store)) / "watched.html"
    assert "fails the task" in page.read_text()


def test_a_day_is_watched_once_and_repeats_to_the_byte_elsewhere(store, made, tmp_path):
    put_features(store, DAY, change=DRIFTED["scale"])
    first, again = watched(store)[0], watched(store)[0]
    assert (first["cached"], again["cached"]) == (False, True)
    other = tmp_path / "other"
    shutil.copytree(made[0], other, symlinks=True)
    put_features(other, DAY, change=DRIFTED["scale"])
    assert watched(other)[0]["content"] == first["content"]
    put_features(store, shift(DAY, -3), rows=590)
    assert watched(store)[0]["cached"] is False


def test_a_day_without_scores_says_what_to_run(store):
    with pytest.raises(
        InputMissingError, match=r"scores/ds=2026-05-01 is not published. Run score"
    ):
        watched(store, "2026-05-01")


ASKING = Watch(retraining=Retraining(on=("drift",), cooldown_days=5))
ALARMING = [shift(DAY, -n) for n in (14, 11, 8, 7, 2)]
ASKED = {ALARMING[0], ALARMING[2], ALARMING[4]}


@pytest.fixture(scope="module")
def drifting(made, tmp_path_factory):
    root = tmp_path_factory.mktemp("drifting") / "store"
    shutil.copytree(made[0], root, symlinks=True)
    for day in ALARMING:
        put_features(root, day, change=DRIFTED["scale"])
    return root


@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [2, 0, 4, 3, 1]])
def test_within_the_cool_down_only_one_day_asks_in_whatever_order_they_are_watched(
    drifting, tmp_path, order
):
    root = tmp_path / "store"
    shutil.copytree(drifting, root, symlinks=True)
    for n in order:
        watched(root, ALARMING[n], ASKING)
    found = {day: read(root, day)["retraining"] for day in ALARMING}
    assert {day for day in ALARMING if found[day]["as_of"]} == ASKED
    assert found[ALARMING[0]]["as_of"] == shift(ALARMING[0], 1)
    assert found[ALARMING[1]]["before"]["day"] == ALARMING[0]
    assert found[ALARMING[1]]["cooling_until"] == shift(ALARMING[0], 5)
    assert all("drift of tx_amount" in found[day]["because"] for day in ALARMING)


def test_what_came_of_the_model_that_was_asked_for_is_shown_next(store):
    put_features(store, shift(DAY, -1), change=DRIFTED["scale"])
    asked = watched(store, shift(DAY, -1), ASKING)[0]
    assert asked["asked_as_of"] == DAY
    before = watched(store, DAY, ASKING)[1]["retraining"]["before"]
    assert (before["day"], before["verdict"]) == (shift(DAY, -1), "")
    put_evaluation(store, DAY, "NOT_BETTER")
    result, published = watched(store, DAY, ASKING)
    assert published["retraining"]["before"]["verdict"] == "NOT_BETTER"
    page = Store(str(store)).open(_manifest(store)) / "watched.html"
    assert re.search(r"NOT_BETTER</b>, so training again was not worth it", page.read_text())
    assert result["asked_as_of"] == ""


def test_what_differs_from_the_last_weeks_alone_asks_for_nothing(store):
    """The training days moved with the day, the last weeks did not: a change at the source."""
    for n in range(1, 29):
        put_features(store, shift(DAY, -n), change={"night": lambda v: np.ones(len(v))})
    _, published = watched(store, DAY, ASKING)
    assert alarms(published) == [("drift", "night", "recent")]
    assert published["retraining"]["because"] == []


def test_few_days_before_are_said_to_say_too_little(made, tmp_path):
    root = tmp_path / "store"
    shutil.copytree(made[0], root, symlinks=True)
    _, published = watched(root, AS_OF, weeks_back=0)
    assert {m["against"] for m in published["measured"] if m["kind"] == "drift"} == {
        "training",
        "test",
    }
    page = Store(str(root)).open(_manifest(root, AS_OF)) / "watched.html"
    assert "fewer than" in page.read_text()


def _manifest(root, day=DAY):
    return Store(str(root)).find(Ref(FRAUD.name, "monitoring", f"ds={day}"))


def test_a_kill_before_the_days_that_look_back_are_watched_again_is_made_good(
    drifting, tmp_path
):
    root = tmp_path / "store"
    shutil.copytree(drifting, root, symlinks=True)
    watched(root, ALARMING[1], ASKING)
    killed = pytest.MonkeyPatch()
    killed.setattr(stage, "followers", _killed)
    with pytest.raises(KeyboardInterrupt):
        watched(root, ALARMING[0], ASKING)
    killed.undo()
    assert read(root, ALARMING[1])["retraining"]["as_of"]
    again, _ = watched(root, ALARMING[0], ASKING)
    assert (again["cached"], again["also"]) == (True, [ALARMING[1]])
    assert read(root, ALARMING[1])["retraining"]["as_of"] == ""


def _killed(_work):
    raise KeyboardInterrupt
