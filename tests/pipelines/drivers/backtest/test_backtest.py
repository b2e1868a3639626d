"""Policies over simulated days: the models are those of scheduled runs, and a repetition trains nothing."""

import json
import signal
import subprocess
import sys
import time

import pytest

import millrace
from pipelines.core.errors import ConfigError
from tests.pipelines.cli.test_usage import ROOT
from tests.pipelines.cli.test_usage import millrace as command

# Labels known a day later, so that a model needs seven days.
SETTINGS = {
    "label.known_after_days": 1,
    "split.train_days": 3,
    "split.gap_days": 1,
    "split.test_days": 2,
    "training.epochs": 2,
    "model.hidden": [16],
    "evaluation.bootstrap_samples": 20,
    "gates.min_auc": 0.0,
    "gates.min_average_precision": 0.0,
}
FIRST, BEGINS, LAST = "2026-01-01", "2026-01-09", "2026-01-15"
POLICIES = ("never", "every-3", "every-3,use=always")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    made = command(
        *("simulate", "fraud_detection", "--from", FIRST, "--to", LAST, "--out", folder),
        *("--rows-per-day", 1500),
    )
    assert made.returncode == 0, made.stderr
    return folder


def replayed(store, source=None, **more):
    return millrace.backtest(
        millrace.pipeline("fraud_detection", SETTINGS),
        store,
        source=source,
        history_from=FIRST,
        from_=BEGINS,
        to=LAST,
        policies=POLICIES,
        **more,
    )


def arguments(store, source, out):
    every = [w for n, v in SETTINGS.items() for w in ("--set", f"{n}={json.dumps(v)}")]
    return [
        *("backtest", "fraud_detection", "--store", store, "--source", source, "--out", out),
        *("--history-from", FIRST, "--from", BEGINS, "--to", LAST, *every),
        *(w for policy in POLICIES for w in ("--policy", policy)),
    ]


@pytest.mark.slow
def test_a_killed_backtest_goes_on_and_ends_as_an_unbroken_one(source, tmp_path):
    whole = replayed(tmp_path / "whole", source, out=tmp_path / "out")
    by_policy = {each["policy"]: each for each in whole["policies"]}
    assert [by_policy[p]["trained"] for p in POLICIES] == [1, 3, 3]
    assert by_policy["every-3,use=always"]["used"] == 3
    assert all(len(each["days"]) == 7 for each in whole["policies"])
    assert not list((tmp_path / "whole/fraud_detection/models").glob("*/*/manifest.json"))

    # Policies without a difference before their second model score the first days alike.
    first = [each["days"][:3] for each in whole["policies"]]
    assert first[0] == first[1] == first[2]

    # A scheduled run of the same day and settings makes that very model.
    scheduled = millrace.run(
        millrace.pipeline("fraud_detection", SETTINGS),
        tmp_path / "whole",
        source=source,
        from_=FIRST,
        to=LAST,
        as_of="2026-01-12",
        options={"track": False},
    )
    as_of = {t["as_of"]: t["digest"] for t in by_policy["every-3"]["trainings"]}
    assert scheduled["model"]["digest"] == as_of["2026-01-12"]

    argv = arguments(tmp_path / "killed", source, tmp_path / "again")
    child = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *map(str, argv)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    models = tmp_path / "killed/fraud_detection/models"
    while not any(models.glob("as_of=*/*/*/manifest.json")):
        assert child.poll() is None
        time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "again").exists()
    ended = command(*argv)
    assert ended.returncode == 0, ended.stderr
    for each, other in zip(whole["policies"], json_of(tmp_path / "again"), strict=True):
        assert without_minutes(each) == without_minutes(other)

    # Nothing is made again.
    assert replayed(tmp_path / "whole")["policies"] == whole["policies"]


def json_of(out):
    return json.loads((out / "backtest.json").read_text())["policies"]


def without_minutes(played):
    """What does not depend on how long it took."""
    trainings = [
        {n: v for n, v in each.items() if "minutes" not in n} for each in played["trainings"]
    ]
    rest = {n: v for n, v in played.items() if "minutes" not in n}
    return rest | {"trainings": trainings}


@pytest.mark.parametrize(
    ("pipeline", "changed", "says"),
    [
        ("fraud_detection", {"from_": "2025-01-10"}, "--from 2025-01-10 is too early"),
        ("fraud_detection", {"from_": "2026-03-02"}, "is before --from"),
        ("fraud_detection", {"from_": "10 January"}, "--from"),
        ("fraud_detection", {"history_from": "soon"}, "--history-from"),
        ("fraud_detection", {"policies": []}, "at least one policy"),
        ("fraud_detection", {"policies": "weekly"}, "must be a list"),
        ("fraud_detection", {"policies": ["weekly,training.epoch=3"]}, "training.epoch"),
        ("disease_progression", {}, "it has Survival and Outcome"),
    ],
)
def test_what_cannot_be_replayed_is_refused_at_once(tmp_path, pipeline, changed, says):
    given = {"from_": "2026-02-10", "to": "2026-03-01", "policies": ["weekly"]} | changed
    with pytest.raises(ConfigError) as refused:
        millrace.backtest(pipeline, tmp_path / "store", **given)
    assert says in str(refused.value)
    assert not (tmp_path / "store" / pipeline / "models").exists()


def test_days_that_are_not_taken_in_are_named_with_what_to_run(tmp_path):
    with pytest.raises(millrace.errors.PipelineError) as refused:
        millrace.backtest(
            "fraud_detection",
            tmp_path / "store",
            from_="2026-02-10",
            to="2026-03-01",
            policies=["weekly"],
        )
    assert "featurize" in str(refused.value)
