"""A serving graph whose predictions differ from the training's is not promoted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core.errors import ArtifactError
from pipelines.stages.promote.golden_rows import check_golden

CASE = "tests.pipelines.stages.promote.golden_case"
ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Folder of an exported graph, and its MLflow signature and predictions."""
    folder = tmp_path_factory.mktemp("model")
    argv = [sys.executable, "-m", CASE, str(folder)]
    done = subprocess.run(
        argv, check=True, capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    return folder, json.loads(done.stdout.splitlines()[-1])


def golden(model, scores):
    """The exported rows beside other predictions."""
    path = model / "golden.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else {}
    path.write_text(json.dumps({"rows": rows, "predictions": {"score": scores}}))


def test_golden_rows_are_json_whose_nulls_are_unknown_in_a_sequence_too(exported):
    folder, _ = exported
    written = json.loads((folder / "golden.json").read_text(), parse_constant=pytest.fail)
    assert written["rows"]["amount"] == [0.0, None]
    assert written["rows"]["events"] == [[0.25, None], [0.5, 1.0]]
    assert check_golden(folder) == "2 golden rows agree to 0"


def test_mlflow_takes_a_sequence_as_a_column_of_lists(exported):
    _, result = exported
    wanted = {"amount": "DataType.double", "word": "DataType.string", "events": "Array(float)"}
    assert result["inputs"] == wanted
    assert result["scores"] == [0.25, 11.5]


def test_golden_rows_that_a_graph_scores_otherwise_are_refused(exported):
    folder, _ = exported
    golden(folder, [0.25, 10.5])
    with pytest.raises(
        ArtifactError, match=r"2 golden rows .* largest difference 1, expected at most 0.0001"
    ):
        check_golden(folder)


def test_a_model_that_does_not_load_says_so(tmp_path):
    golden(tmp_path, [0.5, 0.5])
    with pytest.raises(ArtifactError, match="does not load in a clean process"):
        check_golden(tmp_path)


def test_the_check_leaves_the_gpus_to_training(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    script = tmp_path / "says_what_it_sees.py"
    script.write_text(
        "import json, os\n"
        "hidden = os.environ['CUDA_VISIBLE_DEVICES'] == '-1'\n"
        "print(json.dumps({'rows': 1, 'difference': 0.0 if hidden else 9.0, 'missing': []}))\n"
    )
    monkeypatch.setattr("pipelines.stages.promote.golden_rows.CHECK", script)
    assert check_golden(tmp_path) == "1 golden rows agree to 0"
