"""Declared networks and heads, against formulas written out in plain Python."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.spec import Head
from pipelines.spec.models import KINDS
from tests.pipelines.stages.train.declared_networks import MODELS
from tests.pipelines.stages.train.labels import HEADS, LABELS

ROOT = Path(__file__).resolve().parents[4]
SEQUENCE = tuple(name for name, model in MODELS.items() if model.reads_sequences)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("files"))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.stages.train.network_case", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_every_kind_of_network_and_every_head_is_among_them():
    assert {type(model) for model in MODELS.values()} == set(KINDS.values())
    assert {type(head) for head in HEADS.values()} == set(Head.__subclasses__())


@pytest.mark.parametrize("kind", MODELS)
def test_initial_weights_follow_from_the_seed_and_their_names_from_the_declaration(
    results, kind
):
    found = results["networks"][kind]
    assert found["shape"] == ([24, 3, 3] if kind == "members" else [24, 3])
    assert found["finite"]
    assert found["same_seed"] == 0.0
    assert found["other_seed"] > 0.01
    assert found["same_names"]


@pytest.mark.parametrize("kind", MODELS)
def test_a_keras_file_gives_the_same_outputs_back(results, kind):
    assert results["networks"][kind]["file"] == 0.0


@pytest.mark.parametrize("kind", MODELS)
def test_every_categorical_feature_is_in_one_table(results, kind):
    assert results["networks"][kind]["tables"] == (0 if kind == "builder" else 1)


def test_a_builder_whose_rows_depend_on_others_or_that_adds_losses_is_refused(results):
    norm, penalty = (results["refused"][name] for name in ("with_batch_norm", "with_penalty"))
    assert "own_network.with_batch_norm has layers that mean over the batch (norm)" in norm
    assert "Use keras.layers.LayerNormalization" in norm
    assert "own_network.with_penalty has 1 losses of its layers' own" in penalty
    assert "training.weight_decay" in penalty


@pytest.mark.parametrize("kind", SEQUENCE)
def test_steps_beyond_a_rows_length_change_nothing_and_earlier_ones_do(results, kind):
    found = results["networks"][kind]
    assert found["rubbish"] == 0.0
    assert found["earlier"] == 0.0
    assert found["later"] > 1e-4


def test_members_are_networks_of_their_own_and_their_mean_is_predicted(results):
    found = results["members"]
    assert found["apart"].keys() == HEADS.keys()
    assert max(found["apart"].values()) < 2e-6
    # Each starts as a network alone would: Glorot's spread, and not the others' weights.
    assert found["deviation"] == pytest.approx([found["glorot"]] * 4, rel=0.02)
    assert abs(found["alike"]) < 0.02
    assert found["last"] == pytest.approx(0.1, rel=0.1)


def test_a_cross_layer_is_the_papers_formula(results):
    assert results["cross_layer"] < 1e-5


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def binary(z, y):
    return -math.log(sigmoid(z[0]) if y == 1 else 1 - sigmoid(z[0]))


def multi_class(z, y):
    return -math.log(math.exp(z[int(y)]) / sum(map(math.exp, z)))


def squared(z, y):
    return (z[0] - (y - 2.0) / 3.0) ** 2


def huber(z, y):
    error = abs(z[0] - (y - 2.0) / 0.5)
    return error**2 / 2 if error <= 1 else error - 0.5


def ordinal(z, y):
    return -sum(math.log(sigmoid(v) if y > k else 1 - sigmoid(v)) for k, v in enumerate(z))


def survival(z, y):
    """Probability of what was seen, interval by interval, as the paper describes it."""
    cuts, total = [0.0, 1.0, 2.0, 5.0], 0.0
    for k, v in enumerate(z):
        begin, end = cuts[k], cuts[k + 1]
        if y > 0 and begin <= y < end:
            total += math.log(sigmoid(v))
        elif abs(y) >= (end if y > 0 else (begin + end) / 2):
            total += math.log(1 - sigmoid(v))
    return -total


def competing(z, y):
    """The same where an event competes: of those at risk some have either, and some neither."""
    (days, other), cuts, total = (abs(y[0]), y[1]), [0.0, 1.0, 2.0, 5.0], 0.0
    ended = y[0] > 0 or other
    for k in range(3):
        event, rival, begin, end = z[k], z[3 + k], cuts[k], cuts[k + 1]
        whole = 1 + math.exp(event) + math.exp(rival)
        if ended and begin <= days < end:
            total += (rival if other else event) - math.log(whole)
        elif days >= (end if ended else (begin + end) / 2):
            total -= math.log(whole)
    return -total


FORMULAS = [binary, multi_class, squared, huber, ordinal, survival, competing]


@pytest.mark.parametrize("loss", FORMULAS)
def test_the_loss_of_each_row_is_the_formulas(results, loss):
    found = results["heads"][loss.__name__]
    wanted = [loss(z, y) for z, y in zip(found["outputs"], LABELS[loss.__name__], strict=True)]
    np.testing.assert_allclose(found["losses"], wanted, rtol=2e-5, atol=1e-6)


def test_predictions_are_probabilities_amounts_and_survival(results):
    heads = {name: found["predictions"] for name, found in results["heads"].items()}
    for name in ("multi_class", "ordinal"):
        np.testing.assert_allclose(np.sum(heads[name]["probabilities"], 1), 1.0, rtol=1e-5)
    raw = np.array(results["heads"]["squared"]["outputs"])[:, 0]
    np.testing.assert_allclose(heads["squared"]["score"], raw * 3.0 + 2.0, rtol=1e-5)
    hazards = 1 / (1 + np.exp(-np.array(results["heads"]["survival"]["outputs"])))
    curve = np.cumprod(1 - hazards, axis=1)
    np.testing.assert_allclose(heads["survival"]["survival"], curve, rtol=1e-5)
    np.testing.assert_allclose(heads["survival"]["score"], 1 - curve[:, -1], rtol=1e-5)


def test_predictions_where_an_event_competes_are_what_follows_from_both_hazards(results):
    found = results["heads"]["competing"]
    for row, z in enumerate(found["outputs"]):
        free, event, rival = 1.0, 0.0, 0.0
        for k in range(3):
            whole = 1 + math.exp(z[k]) + math.exp(z[3 + k])
            event += free * math.exp(z[k]) / whole
            rival += free * math.exp(z[3 + k]) / whole
            free /= whole
            at = {
                name: found["predictions"][name][row][k] for name in ("survival", "competing")
            }
            assert at == pytest.approx({"survival": 1 - event, "competing": rival}, abs=1e-6)
            assert free + event + rival == pytest.approx(1.0)
        assert found["predictions"]["score"][row] == pytest.approx(event, abs=1e-6)
