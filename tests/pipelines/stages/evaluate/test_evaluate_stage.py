"""The stage on published artifacts: numbers, champion, files."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from pipelines.core.errors import ArtifactError, TrainingError
from pipelines.core.masking import HIDDEN
from pipelines.core.store import Store
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import (
    AS_OF,
    FRAUD,
    done,
    publish_model,
    publish_training_set,
    scaling_of,
    seeded,
    work_on,
)


@pytest.fixture
def evaluated(tmp_path):
    publish_training_set(tmp_path)
    publish_model(tmp_path)
    return tmp_path, done("evaluate", tmp_path)


def published(root, pipeline=FRAUD, **more):
    _, work = work_on("evaluate", root, pipeline=pipeline, **more)
    store = Store(str(root))
    return store.open(store.find(work.model_ref("evaluations")))


def test_the_metrics_are_those_of_the_published_scores(evaluated):
    root, result = evaluated
    table = pq.read_table(published(root) / "scores.parquet").to_pandas()
    assert list(table) == [
        "transaction_id", "customer_id", "terminal_id", "day", "label", "score", "counted",
    ]  # fmt: skip
    assert table.day.nunique() == 7
    assert (~table.counted).sum() > 0
    kept = table[table.counted]
    assert result["rows"] == len(kept)
    assert result["metrics"]["auc"] == pytest.approx(roc_auc_score(kept.label, kept.score))
    theirs = average_precision_score(kept.label, kept.score)
    assert result["metrics"]["average_precision"] == pytest.approx(theirs)
    for name in ("auc", "average_precision", "alert_precision"):
        low, high = result["metrics"][f"{name}_low"], result["metrics"][f"{name}_high"]
        assert low < result["metrics"][name] < high
    assert result["verdict"] == "BETTER"


def test_scores_are_explained_and_keys_of_their_rows_are_masked(evaluated):
    root, result = evaluated
    folder = published(root)
    found = json.loads((folder / "metrics.json").read_text())["explanation"]
    names = FRAUD.feature_names()
    assert {each["name"] for each in found["features"]} == {*found["contributions"]} == {*names}
    assert found["rows"] == result["rows"]
    for each in found["features"]:
        low, high = each["interval"]
        assert low <= each["decline"] + 0.05 <= high + 0.1
    table = pq.read_table(folder / "scores.parquet").to_pandas()
    assert found["examples"][0]["score"] == pytest.approx(
        table.score[table.counted].max(), rel=1e-5
    )
    assert len(found["examples"]) == 5
    first = found["examples"][0]
    assert first["keys"]["customer_id"] == HIDDEN
    sizes = [reason["contribution"] for reason in first["reasons"]]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > 0
    page = (folder / "model_card.html").read_text()
    assert "Why the highest scores are high" in page
    assert f"{first['reasons'][0]['feature']} +" in page
    assert f"customer_id {HIDDEN}" in page


def test_no_row_is_explained_where_none_is_declared(evaluated):
    root, first = evaluated
    evaluation = replace(FRAUD.evaluation, explained_rows=0)
    silent = done("evaluate", root, pipeline=replace(FRAUD, evaluation=evaluation))
    folder = published(root)
    assert "explanation" not in json.loads((folder / "metrics.json").read_text())
    assert "What the scores are made of" not in (folder / "model_card.html").read_text()
    assert silent["metrics"] == first["metrics"]


def test_the_same_inputs_give_the_same_bytes(evaluated, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    publish_training_set(other)
    publish_model(other)
    assert done("evaluate", other)["content"] == evaluated[1]["content"]


def test_the_card_stands_alone_and_escapes_what_it_shows(evaluated):
    page = (published(evaluated[0]) / "model_card.html").read_text()
    assert not re.search(r"<script|<link|@import|url\(|src=|href=|https?://", page)
    assert page.count("<svg") == 9
    first = "BETTER: it reaches its gates; there is no champion to compare with"
    assert f"<b>{first}</b>" in page
    assert "its fate, is on the page of the task promote" in page
    assert "promoted" not in page.partition("<main>")[2]
    assert "0.75 and 0.4" in page


def test_a_champion_is_met_on_the_same_rows_and_only_a_better_model_is_promoted(evaluated):
    root, _ = evaluated
    done("promote", root)
    publish_model(root, quality=0.5, seed=1)
    worse = done("evaluate", root, pipeline=seeded(1))
    assert worse["verdict"] == "NOT_BETTER"
    assert "below the champion's" in worse["reason"]
    assert "champion" in (published(root, seeded(1)) / "model_card.html").read_text()


def test_a_model_that_became_champion_is_not_evaluated_against_itself(evaluated):
    root, first = evaluated
    done("promote", root)
    again = done("evaluate", root)
    assert again["cached"]
    assert again["digest"] == first["digest"]


def test_a_later_champion_is_no_opponent_for_a_backfilled_model(evaluated):
    root, _ = evaluated
    done("promote", root)
    publish_training_set(root, as_of="2026-02-01", seed=8)
    publish_model(root, as_of="2026-02-01")
    result = done("evaluate", root, as_of="2026-02-01")
    assert "no champion of an earlier day" in result["reason"]


def test_a_champion_of_other_training_days_is_evaluated_by_its_own_scaling(tmp_path):
    for as_of, seed, shift in (("2026-02-01", 8, 2.0), (AS_OF, 3, 0.0)):
        publish_training_set(tmp_path, as_of=as_of, seed=seed, shift=shift)
        publish_model(tmp_path, as_of=as_of)
        done("evaluate", tmp_path, as_of=as_of)
        done("promote", tmp_path, as_of=as_of)
    _, work = work_on("train", tmp_path, as_of="2026-02-01")
    model = work.store.open(work.find(work.model_ref("models")))
    kernel, bias = (np.load(model / f"weights/0{n}.npy") for n in (0, 1))
    training_set = work.store.open(work.find(work.window_ref("training_set")))
    mean, deviation = scaling_of(training_set)
    scores = pq.read_table(published(tmp_path) / "scores.parquet").to_pandas()
    days = dict.fromkeys(map(str, scores.day))
    raw = np.concatenate([features_of(tmp_path, day) for day in days])
    x = (raw - mean) / deviation
    logits, here = (x @ kernel + bias)[:, 0], scores.counted
    champion = json.loads((published(tmp_path) / "metrics.json").read_text())["champion"]
    theirs = roc_auc_score(scores.label[here], logits[here])
    assert champion["metrics"]["auc"] == pytest.approx(theirs, abs=1e-6)


def features_of(root, day):
    _, work = work_on("featurize", root)
    folder = work.store.open(work.find(work.partition_ref("features", day)))
    return pq.read_table(folder / "part-0.parquet").to_pandas().to_numpy()


def test_a_champion_that_cannot_be_scored_holds_the_challenger(evaluated):
    root, _ = evaluated
    publish_model(root, features=[*FRAUD.feature_names()[:-1], "gone"])
    register_by_hand(root)
    publish_model(root, seed=1)
    result = done("evaluate", root, pipeline=seeded(1))
    assert result["verdict"] == "NOT_BETTER"
    assert "reads features that these rows lack (gone)" in result["reason"]


def test_a_damaged_champion_is_reported_with_two_ways_out_and_nothing_is_published(evaluated):
    root, _ = evaluated
    register_by_hand(root)
    _, work = work_on("train", root)
    file = next(
        (work.store.open(work.find(work.model_ref("models"))) / "weights").glob("*.npy")
    )
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    publish_model(root, seed=1)
    ways_out = r"champion .* holds other bytes .* Run train for it again.* --promote NUMBER"
    with pytest.raises(ArtifactError, match=ways_out):
        done("evaluate", root, pipeline=seeded(1))
    _, work = work_on("evaluate", root, pipeline=seeded(1))
    assert work.find(work.model_ref("evaluations")) is None


def register_by_hand(root):
    """Make the published model the champion without evaluating it."""
    from pipelines.shared.registry.client import open_client

    _, work = work_on("train", root)
    manifest = Store(str(root)).find(work.model_ref("models"))
    registry = open_registry(str(root), FRAUD.name)
    client = open_client(registry.uri)
    client.create_registered_model(FRAUD.name)
    tags = {"as_of": "2026-03-01", "seed": "0", "digest": manifest.digest}
    client.create_model_version(FRAUD.name, "file:///models/by/hand", tags=tags)
    registry.promote(1)


def test_one_class_cannot_be_evaluated(tmp_path):
    def spoil(day, _x, y):
        if day > "2026-02-14":
            y[:] = 0

    publish_training_set(tmp_path, spoil=spoil)
    publish_model(tmp_path)
    with pytest.raises(TrainingError, match=r"0 of the \d+ test rows that count have label 1"):
        done("evaluate", tmp_path)
