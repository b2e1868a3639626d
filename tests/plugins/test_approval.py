"""Whom the approval asks, on a real registry: nobody where an answer would change nothing."""

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException

from millrace.airflow.approval import AskOperator
from pipelines.core.errors import ArtifactError
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


def ask(store, as_of, seed, wanted="True", older="false", **more):
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
    return operator.execute({})


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr(ApprovalOperator, "execute", lambda *_: "asked")


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


@pytest.mark.parametrize(
    ("as_of", "seed", "older"), [(LATER, 1, "false"), (EARLIER, 0, "true")]
)
@pytest.mark.usefixtures("asked")
def test_a_person_is_asked_where_the_answer_decides(store, as_of, seed, older):
    assert ask(store, as_of, seed, older=older) == "asked"


@pytest.mark.usefixtures("asked")
def test_where_the_form_does_not_ask_the_registry_is_not_read(store):
    with pytest.raises(AirflowSkipException, match="the form's approve is off"):
        ask((store[0] / "elsewhere", store[1]), LATER, 1, wanted="False")


def test_the_answers_are_still_those_of_an_approval(store):
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
    assert operator.options == ["Approve", "Reject"]


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


def test_only_those_who_are_named_may_answer(store, monkeypatch):
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, _: self.assigned_users)
    named = [{"id": "ann", "name": "ann"}, {"id": "bert", "name": "bert"}]
    assert ask(store, LATER, 1, approvers="ann, bert") == named
    assert ask(store, LATER, 1) is None
