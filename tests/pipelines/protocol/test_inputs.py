"""Which version of an earlier result a stage reads, while other runs publish theirs."""

import dataclasses
import importlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import InputMismatchError, InputMissingError
from pipelines.core.store import Store
from pipelines.protocol import perform, ref_of, stage_named, stages
from pipelines.protocol.settings import training_set_settings
from pipelines.spec import with_settings
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import (
    FRAUD,
    publish_model,
    publish_training_set,
    work_on,
)

QUICK = with_settings(FRAUD, ["evaluation.bootstrap_samples=5"])


@pytest.fixture
def store(tmp_path):
    publish_training_set(tmp_path, rows=120)
    return tmp_path


def given_to(stage, root, pipeline=QUICK, **digests):
    """What a stage makes of the results that its run was given."""
    record, work = work_on(stage, root, pipeline=pipeline)
    return perform(record, dataclasses.replace(work, inputs=digests))


def trained(root, quality, epochs=20):
    """A model, as a run with these settings would have made it."""
    return publish_model(root, quality=quality, config={"training": {"epochs": epochs}}).digest


def promoted(root):
    """Content and average precision of each registered version."""
    registry = open_registry(str(root), FRAUD.name)
    return [v.tags["content"] for v in registry.read().versions]


def test_a_run_evaluates_and_promotes_its_own_model_whatever_is_published_since(store):
    good = trained(store, 1.0)
    first = given_to("evaluate", store, model=good)
    bad = trained(store, 0.2)
    other = given_to("evaluate", store, model=bad)
    assert other["metrics"]["auc"] < first["metrics"]["auc"]
    again = given_to("evaluate", store, model=good)
    assert (again["digest"], again["metrics"]) == (first["digest"], first["metrics"])
    given_to("evaluate", store, model=bad)  # published now: the other one's
    given_to("promote", store, model=good, evaluation=first["digest"])
    model = Store(str(store)).find_version(work_on("train", store)[1].model_ref("models"), good)
    assert promoted(store) == [model.content]


def test_promote_refuses_the_evaluation_of_another_model(store):
    good = trained(store, 1.0)
    evaluated = given_to("evaluate", store, model=good)
    bad = trained(store, 0.2)
    message = (
        rf"the evaluation {evaluated['digest'][:16]} was not made from the model {bad[:16]}"
    )
    with pytest.raises(InputMismatchError, match=message) as raised:
        given_to("promote", store)
    assert f"--input model={good[:16]}" in str(raised.value)
    with pytest.raises(InputMismatchError, match=message):
        given_to("promote", store, model=bad, evaluation=evaluated["digest"])
    assert promoted(store) == []
    given_to("promote", store, model=good[:16])  # as the message says
    assert len(promoted(store)) == 1


def test_evaluate_refuses_a_model_that_was_trained_with_other_settings(store):
    first, second = trained(store, 1.0, epochs=20), trained(store, 0.2, epochs=4)
    with pytest.raises(InputMismatchError, match=r"training.epochs: 4 -> 20"):
        given_to("evaluate", store)
    asked = with_settings(QUICK, ["training.epochs=4"])
    assert given_to("evaluate", store, pipeline=asked)["verdict"]
    for digest in (first, second):  # named, it is what is wanted
        assert given_to("evaluate", store, model=digest)["verdict"]


def test_evaluate_refuses_a_training_set_that_the_model_was_not_trained_on(store):
    own = Store(str(store)).find(work_on("train", store)[1].window_ref("training_set")).digest
    trained(store, 1.0)
    first = given_to("evaluate", store)
    publish_training_set(store, rows=120, seed=9, shift=3.0)
    with pytest.raises(
        InputMismatchError, match="was not made from the training set"
    ) as raised:
        given_to("evaluate", store)
    assert f"--input training_set={own[:16]}" in str(raised.value)
    again = given_to("evaluate", store, training_set=own[:16])  # as the message says
    assert (again["digest"], again["metrics"]) == (first["digest"], first["metrics"])


def test_training_refuses_a_training_set_of_other_days(store):
    fewer = with_settings(FRAUD, ["split.train_days=3"])
    record, work = work_on("train", store, pipeline=fewer)
    days = {"days": {"train": list(work_on("train", store)[1].days().train)}}
    publish_training_set(store, rows=120, config=days)
    with pytest.raises(
        InputMismatchError, match=r"days.train: .* Run preprocess with this run"
    ):
        perform(record, work)


@pytest.mark.parametrize("other", [{}, {"tx_amount_doubled": "tx_amount * 2"}])
def test_training_refuses_a_training_set_with_a_model_input_more_or_less(other, store):
    record, work = work_on("train", store)
    own = training_set_settings(work)["model_inputs"]
    name = next(iter(own))
    made = own | other if other else {n: said for n, said in own.items() if n != name}
    publish_training_set(store, rows=120, config={"model_inputs": made})
    line = "model_inputs.tx_amount_doubled" if other else f"model_inputs.{name}"
    with pytest.raises(InputMismatchError, match=f"{line}.* Run preprocess with this run"):
        perform(record, work)


def test_a_promotion_refuses_an_evaluation_by_other_gates(store):
    trained(store, 1.0)
    lenient = with_settings(QUICK, ["gates.min_auc=0.01"])
    given_to("evaluate", store, pipeline=lenient)
    with pytest.raises(InputMismatchError, match=r"gates.min_auc: 0.01 -> 0.75"):
        given_to("promote", store)
    assert promoted(store) == []


@pytest.mark.parametrize("stage", [s.name for s in stages(FRAUD) if s.takes])
def test_a_digest_that_is_no_version_is_refused_with_those_there_are(store, stage):
    trained(store, 1.0)
    record, work = work_on(stage, store, pipeline=searching())
    name = stage_named(stage, FRAUD).takes[-1]
    asked = dataclasses.replace(work, inputs={name: "0123456789abcdef"})
    there = "none" if name in {"evaluation", "window_validation"} else "[0-9a-f]{16}"
    there = "none" if stage == "tune" else there  # as of the day of the search
    message = rf"{name}=0123456789abcdef is not a version of .* \(versions: {there}\)"
    with pytest.raises(InputMissingError, match=message):
        perform(record, asked)


def searching():
    from pipelines.spec import Range, Search

    space = (Range("training.learning_rate", 1e-4, 1e-2),)
    return dataclasses.replace(QUICK, search=Search(space))


def test_what_is_published_between_plan_and_run_is_not_what_runs(store, tmp_path_factory):
    trained(store, 1.0)
    record, work = work_on("evaluate", store, pipeline=QUICK)
    module = importlib.import_module(record.module)
    plan = module.plan(work)
    expected = module.run(work, plan, tmp_path_factory.mktemp("first"))
    trained(store, 0.2)
    publish_training_set(store, rows=120, seed=9, shift=3.0)
    after = module.run(work, plan, tmp_path_factory.mktemp("second"))
    assert after.metrics == expected.metrics


@settings(max_examples=5, suppress_health_check=list(HealthCheck), derandomize=True)
@given(order=st.permutations("AAABBB"))
def test_two_runs_of_one_day_get_their_own_results_in_every_interleaving(
    order, tmp_path_factory
):
    """Each run trains, evaluates, evaluates again; its metrics are its own model's."""
    root = tmp_path_factory.mktemp("store")
    publish_training_set(root, rows=120)
    quality, models, found = {"A": 1.0, "B": 0.2}, {}, {"A": set(), "B": set()}
    for run in order:
        if run not in models:
            models[run] = trained(root, quality[run])
        else:
            result = given_to("evaluate", root, model=models[run])
            found[run].add((result["digest"], result["metrics"]["auc"]))
    assert [len(each) for each in found.values()] == [1, 1]
    assert found["A"] != found["B"]
    ref = ref_of(stage_named("evaluate"), work_on("evaluate", root, pipeline=QUICK)[1])
    for run, ((digest, _),) in found.items():
        made = Store(str(root)).find_version(ref, digest)
        model = Store(str(root)).find_version(
            work_on("train", root)[1].model_ref("models"), models[run]
        )
        assert made.inputs["model"] == model.content
