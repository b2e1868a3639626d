"""From a training set to a champion that MLflow loads and that scores as we do."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.core.store import Store
from pipelines.shared.registry.client import open_client
from pipelines.shared.scoring.decision import read_decision
from pipelines.spec import with_settings
from pipelines.stages.promote.champion import open_registry
from tests.pipelines.made_models import (
    AS_OF,
    FRAUD,
    done,
    publish_training_set,
    scaling_of,
    work_on,
)

ROOT = Path(__file__).resolve().parents[4]
# A calibration that no arithmetic of the network alone gives is served as well.
SETTINGS = (
    "training.epochs=3",
    "split.validation_days=2",
    "training.calibration=isotonic",
    "gates.min_auc=0.6",
    "gates.min_average_precision=0.1",
)
TRAINED = with_settings(FRAUD, SETTINGS)


def child(*argv):
    ran = subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def features_of_test_days(root):
    """The features as they were before standardising, float64, by name."""
    store = Store(str(root))
    folder = store.open(store.find(work_on("train", root)[1].window_ref("training_set")))
    state = json.loads((folder / "state.json").read_text())
    index = json.loads((folder / "index.json").read_text())
    x = np.concatenate([np.load(folder / entry["x"]) for entry in index["test"]])
    mean, deviation = scaling_of(folder)
    raw = x.astype(np.float64) * deviation + mean
    return pd.DataFrame(raw, columns=state["features"])


def test_the_champion_that_mlflow_loads_scores_features_as_the_evaluation_did(tmp_path):
    root = tmp_path / "store"
    publish_training_set(root)
    settings = [each for setting in SETTINGS for each in ("--set", setting)]
    trained = child(
        *("pipelines", "stage", "train", "fraud_detection", "--as-of", AS_OF),
        *("--store", str(root), *settings, "--json"),
    )
    assert trained["metrics"]["steps"] == 3 * 8
    assert done("evaluate", root, pipeline=TRAINED)["verdict"] == "BETTER"
    events = []
    done("promote", root, pipeline=TRAINED, sink=events.append)
    assert any("64 golden rows agree" in event.get("message", "") for event in events)
    assert runs_of(open_registry(str(root), FRAUD.name).uri) == [("FINISHED", 3)]
    table = features_of_test_days(root)
    table.to_parquet(tmp_path / "features.parquet")
    uri = open_registry(str(root), FRAUD.name).uri
    served = child(
        "tests.pipelines.stages.promote.serving_case",
        *(uri, str(tmp_path / "features.parquet"), str(root)),
    )
    store = Store(str(root))
    evaluation = store.find(work_on("evaluate", root)[1].model_ref("evaluations"))
    ours = pq.read_table(store.open(evaluation) / "scores.parquet")["score"].to_numpy()
    np.testing.assert_allclose(served["scores"], ours, atol=2e-6)
    np.testing.assert_allclose(served["api"], ours, atol=2e-6)
    assert ours.std() > 0.01
    assert served["inputs"] == list(FRAUD.feature_names())
    assert served["tensorflow"] == ["probability", "score"]
    model = store.open(
        store.find(work_on("train", root, pipeline=TRAINED)[1].model_ref("models"))
    )
    decision = read_decision(model)
    assert decision.calibration.kind == "isotonic"
    assert decision.threshold == FRAUD.evaluation.costs.threshold()
    probability = decision.probability(ours)
    np.testing.assert_allclose(served["probabilities"], probability, atol=1e-4)
    assert abs(probability - ours).max() > 0.01
    golden = json.loads((model / "golden.json").read_text())["predictions"]
    assert golden["probability"] == decision.probability(np.float32(golden["score"])).tolist()
    assert served["as_of"] == AS_OF


def runs_of(uri):
    """Status and epochs of each run: training and promotion must have logged to the same one."""
    client = open_client(uri)
    experiment = client.get_experiment_by_name(FRAUD.name)
    return [
        (run.info.status, len(client.get_metric_history(run.info.run_id, "loss")))
        for run in client.search_runs([experiment.experiment_id])
        if "training.epochs" in run.data.params and "auc" in run.data.metrics
    ]
