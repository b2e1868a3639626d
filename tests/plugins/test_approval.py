"""Whom the approval asks, on a real registry: nobody where an answer would change nothing."""

import datetime
import shutil

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowSkipException

from millrace.airflow.approval import AskOperator
from pipelines.core.errors import ArtifactError
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import FRAUD, done, publish_model, publish_training_set, seeded

EARLIER, LATER = "2026-02-01", "2026-03-01"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A champion, a better and a worse challenger of its day, and a model of an earlier day."""
    root = tmp_path_factory.mktemp("store")
    digests = {}
    for as_of, seed, quality in (
        (LATER, 0, 0.6),
        (LATER, 1, 1.0),
        (LATER, 2, 0.5),
        (EARLIER, 0, 1.0),
    ):
        if seed == 0:
            publish_training_set(root, as_of=as_of, seed=3)
        publish_model(root, as_of=as_of, seed=seed, quality=quality)
        evaluated = done("evaluate", root, as_of=as_of, pipeline=seeded(seed))
        digests[as_of, seed] = evaluated["digest"]
        if not (root / "mlflow.db").exists():
            done("promote", root, as_of=as_of)
    return root, digests


def ask(store, as_of, seed, wanted="True", older="false", task=None, **more):
    root, digests = store
    operator = AskOperator(
        task_id="approve",
        stage="promote",
        subject="Promote?",
        wanted=wanted,
        pipeline=FRAUD.name,
        store=str(root),
        as_of=as_of,
        stage_settings=[f"training.seed={seed}"],
        stage_options=[f"promote_older={older}", "mlflow_uri="],
        stage_inputs=[f"evaluation={digests[as_of, seed]}", "model="],
        **more,
    )
    return operator.execute({"ti": task or Task()})


@pytest.fixture
def asked(monkeypatch):
    """The operator at the point where Airflow would put its question."""
    monkeypatch.setattr(HITLOperator, "execute", lambda self, _: self)


class Task:
    """What a running task offers, with what was pushed through it."""

    def __init__(self):
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


def answer(operator, chosen, user="ann", why=None):
    event = {"chosen_options": [chosen], "params_input": {"why": why}}
    event |= {"responded_at": datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)}
    return operator.execute_complete(
        {}, event | {"responded_by_user": {"id": user, "name": user}}
    )


@pytest.mark.parametrize(
    ("as_of", "seed", "why"),
    [
        (LATER, 0, "it is the champion already"),
        (LATER, 2, "its verdict is NOT_BETTER"),
        (EARLIER, 0, "the champion .version 1. is as of 2026-03-01, a later day"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_nobody_is_asked_where_no_answer_changes_the_champion(store, as_of, seed, why):
    with pytest.raises(AirflowSkipException, match=f"No answer would change .* {why}"):
        ask(store, as_of, seed)


@pytest.fixture
def own_store(store, tmp_path):
    """A copy that a test may change."""
    root, digests = store
    return shutil.copytree(root, tmp_path / "store"), digests


@pytest.mark.usefixtures("asked")
def test_the_version_waits_and_the_question_says_what_each_answer_does(own_store):
    task = Task()
    asking = ask(own_store, LATER, 1, task=task, body="AUC 0.9")
    waiting = task.pushed["waiting"]
    assert (waiting["fate"], waiting["verdict"]) == ("waiting", "BETTER")
    assert (waiting["version"], waiting["champion"]) == (2, 1)
    assert asking.options == ["Promote version 2", "Keep version 1"]
    assert asking.subject == ("Card fraud: promote version 2, the model as of 2026-03-01?")
    assert "**BETTER**: it reaches its gates and holds against the champion." in asking.body
    card = "/millrace/reports/fraud_detection/evaluations/as_of%3D2026-03-01/seed%3D1"
    assert f"[Model card]({card})" in asking.body
    assert "AUC 0.9" in asking.body
    assert asking.assigned_users is None
    versions = open_registry(str(own_store[0]), FRAUD.name).versions()
    assert [(v["version"], v["fate"]) for v in versions] == [(2, "waiting"), (1, "promoted")]


@pytest.mark.usefixtures("asked")
def test_an_older_model_is_asked_about_where_the_form_lets_it_replace_a_newer_champion(
    own_store,
):
    asking = ask(own_store, EARLIER, 0, older="true")
    assert asking.options == ["Promote version 2", "Keep version 1"]
    assert "there is no champion to compare with" in asking.body


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("chosen", "said", "fate", "reason"),
    [
        (
            "Keep version 1",
            "keep",
            "refused",
            "ann answered to keep version 1: too many alerts",
        ),
        (
            "Promote version 2",
            "promote",
            "promoted",
            "version 2 is the champion, as ann answered",
        ),
    ],
)
def test_the_answer_and_who_gave_it_decide_the_fate(own_store, chosen, said, fate, reason):
    asking = ask(own_store, LATER, 1)
    given = answer(AskOperator(**asked_again(asking)), chosen, why="too many\nalerts")
    assert (given["answer"], given["by"], given["why"]) == (said, "ann", "too many alerts")
    assert given["at"] == "2026-03-02T00:00:00+00:00"
    options = {"answer": given["answer"], "answered_by": given["by"]}
    options |= {"answered_why": given["why"]}
    result = done("promote", own_store[0], pipeline=seeded(1), options=options)
    assert (result["fate"], result["decided_by"]) == (fate, "ann")
    assert reason in result["reason"]
    # A run that asks nobody does not overrule a person.
    again = done("promote", own_store[0], pipeline=seeded(1))
    assert again["fate"] == fate


def asked_again(operator):
    """The operator as Airflow makes it anew from the DAG to pass an answer on."""
    names = ("subject", "wanted", "stage", "pipeline", "store", "as_of")
    return {"task_id": "approve"} | {name: getattr(operator, name) for name in names}


@pytest.mark.usefixtures("asked")
def test_where_the_form_does_not_ask_the_registry_is_not_read(store):
    with pytest.raises(AirflowSkipException, match="the form's approve is off"):
        ask((store[0] / "elsewhere", store[1]), LATER, 1, wanted="False")


def test_the_options_of_the_promotion_are_not_taken_for_answers():
    operator = AskOperator(
        task_id="a",
        stage="promote",
        subject="?",
        wanted="",
        pipeline="p",
        store="s",
        as_of="",
        stage_options=["a=b"],
    )
    assert operator.options == ["Promote", "Keep"]


@pytest.mark.usefixtures("asked")
def test_a_damaged_registry_is_reported_before_anybody_is_asked(store, tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"no database " * 99)
    root, digests = store
    operator = AskOperator(
        task_id="approve",
        stage="promote",
        subject="Promote?",
        wanted="True",
        pipeline=FRAUD.name,
        store=str(root),
        as_of=LATER,
        stage_settings=["training.seed=1"],
        stage_options=[f"mlflow_uri=sqlite:///{path}"],
        stage_inputs=[f"evaluation={digests[LATER, 1]}"],
    )
    with pytest.raises(ArtifactError, match="is damaged"):
        operator.execute({})


@pytest.mark.usefixtures("asked")
def test_only_those_who_are_named_may_answer(own_store):
    named = [{"id": "ann", "name": "ann"}, {"id": "bert", "name": "bert"}]
    assert ask(own_store, LATER, 1, approvers="ann, bert").assigned_users == named
