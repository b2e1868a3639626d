"""Registering, promoting, rolling back."""

import dataclasses

import pytest

from pipelines.core.errors import ConfigError, InputMissingError
from pipelines.core.store import Store
from pipelines.shared.registry.client import open_client
from pipelines.shared.tracking.runs import close_run, find_or_make_run
from pipelines.spec import Gates
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import (
    FRAUD,
    done,
    publish_model,
    publish_training_set,
    seeded,
    work_on,
)

EARLIER, LATER = "2026-02-01", "2026-03-01"


def registry_of(root):
    return open_registry(str(root), FRAUD.name)


def evaluated(root, *, as_of=LATER, seed=0, quality=1.0, pipeline=FRAUD):
    """A model evaluated on the training set of that day."""
    publish_model(root, as_of=as_of, seed=seed, quality=quality)
    return done("evaluate", root, as_of=as_of, pipeline=seeded(seed, pipeline))


@pytest.fixture
def store(tmp_path):
    for as_of, seed in ((EARLIER, 8), (LATER, 3)):
        publish_training_set(tmp_path, as_of=as_of, seed=seed)
    return tmp_path


def facts(root):
    return [(v["version"], v["champion"], v["verdict"]) for v in registry_of(root).versions()]


def test_an_evaluated_model_becomes_a_version_with_a_run_and_the_champion(store):
    result = evaluated(store)
    promoted = done("promote", store)
    assert promoted["reason"] == "version 1 is the champion"
    assert (promoted["verdict"], promoted["fate"]) == ("BETTER", "promoted")
    assert facts(store) == [(1, True, "BETTER")]
    client = open_client(registry_of(store).uri)
    version = client.get_model_version_by_alias(FRAUD.name, "champion")
    assert version.source.startswith(
        f"file://{store}/fraud_detection/models/as_of={LATER}/seed=0/"
    )
    assert version.source.endswith("/mlflow_model")
    assert {"as_of", "seed", "digest", "content"} <= version.tags.keys()
    assert (version.tags["verdict"], version.tags["fate"]) == ("BETTER", "promoted")
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["training.seed"] == "0"
    assert run.data.metrics["auc"] == pytest.approx(result["metrics"]["auc"])
    losses = client.get_metric_history(version.run_id, "loss_by_epoch")
    assert [(m.step, m.value) for m in losses] == [(1, 0.5), (2, 0.4)]


def test_a_rejected_model_is_registered_and_not_promoted(store):
    strict = dataclasses.replace(FRAUD, gates=Gates(min_auc=0.999))
    evaluated(store, pipeline=strict)
    result = done("promote", store, pipeline=strict)
    assert (result["verdict"], result["fate"], result["champion"]) == (
        "REJECTED",
        "refused",
        None,
    )
    assert facts(store) == [(1, False, "REJECTED")]


def test_an_older_model_never_replaces_a_newer_champion_unless_asked(store):
    evaluated(store, as_of=LATER)
    done("promote", store, as_of=LATER)
    evaluated(store, as_of=EARLIER)
    result = done("promote", store, as_of=EARLIER)
    assert "the champion (version 1) is as of 2026-03-01, a later day" in result["reason"]
    assert (result["verdict"], result["fate"], result["champion"]) == (
        "BETTER",
        "superseded",
        1,
    )
    assert facts(store) == [(2, False, "BETTER"), (1, True, "BETTER")]
    result = done("promote", store, as_of=EARLIER, options={"promote_older": True})
    assert (result["fate"], result["champion"]) == ("promoted", 2)
    assert "version 2 is the champion, as requested; it was not compared" in result["reason"]
    assert facts(store) == [(2, True, "BETTER"), (1, False, "BETTER")]


def test_a_run_whose_end_was_not_logged_is_closed_by_the_promotion(store):
    evaluated(store)
    client = open_client(registry_of(store).uri)
    model = Store(str(store)).find(work_on("train", store)[1].model_ref("models"))
    tags, folder = {"digest": model.digest}, str(store / "files")
    run = find_or_make_run(
        client, FRAUD.name, artifacts=folder, name="a", tags=tags, start_ms=0
    )
    close_run(client, run.info.run_id, "failed", 1, "WorkerLostError: of an earlier try")
    done("promote", store)
    run = client.get_run(run.info.run_id)
    assert client.get_model_version(FRAUD.name, "1").run_id == run.info.run_id
    assert (run.info.status, run.data.tags["ended"]) == ("FINISHED", "complete")
    assert "error" not in run.data.tags


def test_a_newer_model_replaces_the_champion_and_rollback_goes_back(store):
    for as_of in (EARLIER, LATER):
        evaluated(store, as_of=as_of)
        done("promote", store, as_of=as_of)
    registry = registry_of(store)
    assert registry.read().champions == (1, 2)
    assert registry.rollback().version == 1
    assert facts(store) == [(2, False, "BETTER"), (1, True, "BETTER")]
    assert registry.versions()[0]["rolled_back"]
    with pytest.raises(ConfigError, match=r"no earlier champion to go back to \(champion: 1\)"):
        registry.rollback()


def test_a_version_that_was_rolled_back_comes_back_only_by_hand(store):
    for as_of in (EARLIER, LATER):
        evaluated(store, as_of=as_of)
        done("promote", store, as_of=as_of)
    registry = registry_of(store)
    registry.rollback()
    again = done("promote", store, as_of=LATER, options={"promote_older": True})
    assert "it was rolled back; promote it by hand to use it again" in again["reason"]
    registry.promote(2)
    assert facts(store) == [(2, True, "BETTER"), (1, False, "BETTER")]
    assert not registry.versions()[0]["rolled_back"]


def test_a_verdict_reached_before_the_champion_changed_promotes_nothing(store):
    for seed, quality in ((0, 1.0), (1, 0.5)):
        evaluated(store, seed=seed, quality=quality)
    done("promote", store, pipeline=seeded(0))
    stale = done("promote", store, pipeline=seeded(1))
    assert (
        "version 1 became the champion after it was evaluated. Run evaluate" in stale["reason"]
    )
    assert facts(store) == [(2, False, "BETTER"), (1, True, "BETTER")]
    done("evaluate", store, pipeline=seeded(1))
    done("promote", store, pipeline=seeded(1))
    assert facts(store) == [(2, False, "NOT_BETTER"), (1, True, "BETTER")]


def test_a_former_champion_evaluated_again_is_compared_with_the_current_champion(store):
    for seed, quality in ((0, 0.5), (1, 1.0)):
        evaluated(store, seed=seed, quality=quality)
        done("promote", store, pipeline=seeded(seed))
    assert facts(store) == [(2, True, "BETTER"), (1, False, "BETTER")]
    lax = dataclasses.replace(FRAUD, gates=Gates(min_auc=0.01))
    again = done("evaluate", store, pipeline=lax)
    assert again["verdict"] == "NOT_BETTER"
    assert "below the champion's" in again["reason"]
    result = done("promote", store, pipeline=lax)
    assert (
        "version 1 is registered and not promoted: its verdict is NOT_BETTER"
        in result["reason"]
    )
    assert facts(store) == [(2, True, "BETTER"), (1, False, "NOT_BETTER")]


def test_a_champion_that_a_stricter_gate_rejects_stays_and_the_reason_says_how_to_roll_back(
    store,
):
    evaluated(store)
    done("promote", store)
    strict = dataclasses.replace(FRAUD, gates=Gates(min_auc=0.999))
    done("evaluate", store, pipeline=strict)
    result = done("promote", store, pipeline=strict)
    assert (result["verdict"], result["fate"]) == ("REJECTED", "promoted")
    assert "stays it, though its verdict is REJECTED now; models --rollback" in result["reason"]


def test_a_champion_that_somebody_else_registered_is_not_replaced_as_if_there_were_none(store):
    client = open_client(registry_of(store).uri)
    client.create_registered_model(FRAUD.name)
    client.create_model_version(FRAUD.name, "s3://elsewhere")
    client.set_registered_model_alias(FRAUD.name, "champion", "1")
    result = evaluated(store)
    assert result["verdict"] == "NOT_BETTER"
    assert "The champion (version 1) was registered by somebody else" in result["reason"]
    assert done("promote", store)["fate"] == "refused"
    registry_of(store).promote(2)
    assert registry_of(store).read().champion == 2


def test_an_unknown_version_is_refused_with_those_there_are(store):
    evaluated(store)
    done("promote", store)
    with pytest.raises(ConfigError, match=r"has no version 7. Registered versions: 1."):
        registry_of(store).promote(7)


def test_an_empty_registry_lists_nothing_and_has_nothing_to_roll_back(store):
    assert registry_of(store).versions() == []
    with pytest.raises(ConfigError, match=r"champion: none"):
        registry_of(store).rollback()


def test_promotion_needs_an_evaluation(store):
    publish_model(store)
    with pytest.raises(
        InputMissingError, match=r"evaluations/.* is not published. Run evaluate"
    ):
        done("promote", store)


def test_the_registry_asked_for_is_the_one_written(store, tmp_path_factory):
    uri = f"sqlite:///{tmp_path_factory.mktemp('elsewhere')}/registry.db"
    evaluated(store)
    done("promote", store, options={"mlflow_uri": uri})
    assert not (store / "mlflow.db").exists()
    held = open_registry(str(store), FRAUD.name, uri)
    assert [v["version"] for v in held.versions()] == [1]
