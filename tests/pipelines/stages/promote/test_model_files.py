"""The champion's files: kept by housekeeping, and checked before a version is promoted by hand."""

import os
import shutil

import pytest

from pipelines import api
from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.store import Ref, Store
from pipelines.shared.registry import Version, reading
from pipelines.stages.promote.champion import open_registry
from pipelines.stages.promote.model_files import require_files
from tests.pipelines.made_models import FRAUD, done, publish_training_set, work_on
from tests.pipelines.stages.promote.test_promote import LATER, evaluated, facts, registry_of

EVALUATIONS = Ref(FRAUD.name, "evaluations", f"as_of={LATER}/seed=0")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Two champions of one as-of day: the first one's version is no longer the published one."""
    root = tmp_path_factory.mktemp("champions")
    publish_training_set(root, as_of=LATER, seed=3)
    evaluated(root)
    done("promote", root)
    champion = Store(str(root)).find(work_on("train", root)[1].model_ref("models"))
    evaluated(root, quality=0.5)
    done("promote", root)
    open_registry(str(root), FRAUD.name).promote(2)
    return root, champion


@pytest.fixture
def remade_champion(shared, tmp_path):
    """The same store, restored after the test."""
    shutil.copytree(shared[0], tmp_path / "copy")
    yield shared
    shutil.rmtree(shared[0])
    shutil.copytree(tmp_path / "copy", shared[0])


def cleaned(root):
    for path in root.rglob("*"):
        os.utime(path, (1.0, 1.0))
    return api.housekeeping(FRAUD.name, root, keep_versions=0, keep_days=0)


@pytest.mark.parametrize("lost", [None, "mlflow.db", "fraud_detection/promotions"])
def test_a_champion_whose_day_was_made_again_keeps_its_files(lost, remade_champion):
    root, champion = remade_champion
    if lost:
        path = root / lost
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    cleaned(root)
    there = Store(str(root))
    assert there.find(champion.ref).digest != champion.digest
    assert there.open(there.find_version(champion.ref, champion.digest))


@pytest.mark.parametrize("registry", ["sqlite", "server"])
def test_after_three_remakings_of_their_day_models_still_meet_the_champion(
    registry, remade_champion, monkeypatch
):
    root, first = remade_champion
    champion = Store(str(root)).find(first.ref)
    if registry == "server":  # read through MLflow's client
        monkeypatch.setattr(reading, "sqlite_path", lambda _uri: None)
    for quality in (0.4, 0.3, 0.25):
        evaluated(root, quality=quality)
    found = cleaned(root)
    why = {each["version"]: each["why"] for each in found["reasons"] if each["kept"]}
    for model, words in (
        (first, "a previous champion, version 1"),
        (champion, "the champion, version 2"),
    ):
        assert why[model.version] == f"{words} of fraud_detection"
        evaluations = Store(str(root)).versions(EVALUATIONS)
        cards = [each for each in evaluations if each.inputs["model"] == model.content]
        assert [why[each.version] for each in cards] == [f"judged {why[model.version]}"]
    assert found["versions"] > 0
    evaluated(root, quality=0.2)
    assert Store(str(root)).find(EVALUATIONS).inputs["champion"] == champion.digest


def test_a_version_without_whole_files_is_not_promoted_by_hand(remade_champion):
    root, champion = remade_champion
    folder = Store(str(root)).folder(champion.ref) / champion.version
    file = next(folder.glob("weights/*.npy"))
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    before = facts(root)
    with pytest.raises(
        ArtifactError, match=r"version 1 .* cannot become the champion: .*other bytes"
    ):
        api.promote(FRAUD.name, root, 1, why="it was better")
    with pytest.raises(ArtifactError, match=r"version 1 .* weights/\S+ holds other bytes"):
        api.rollback(FRAUD.name, root, why="it was better")
    shutil.rmtree(folder)
    with pytest.raises(
        ArtifactError, match=r"no longer at .* Run train as of 2026-03-01 with the"
    ):
        api.promote(FRAUD.name, root, 1, why="it was better")
    assert facts(root) == before


def test_a_version_that_others_registered_needs_a_model_where_it_points(tmp_path):
    there, elsewhere = Store(str(tmp_path / "store")), tmp_path / "elsewhere"
    version = Version(1, f"file://{elsewhere}")
    with pytest.raises(ArtifactError, match="no longer at file://"):
        require_files(there, registry_of(tmp_path).uri, FRAUD.name, version)
    elsewhere.mkdir()
    (elsewhere / "MLmodel").write_text("flavors: {}")
    require_files(there, registry_of(tmp_path).uri, FRAUD.name, version)


def test_a_version_whose_address_cannot_be_read_is_refused_without_a_traceback(tmp_path):
    source = "http://127.0.0.1:9/model"
    version = Version(1, source, {})  # as another program registered it
    with pytest.raises(ConfigError, match=f"files of the model at {source} cannot be read"):
        require_files(Store(str(tmp_path)), registry_of(tmp_path).uri, FRAUD.name, version)
