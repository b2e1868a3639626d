"""Reasons of a published model's scores, by raw features."""

import itertools
import json

import numpy as np
import pytest

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.store import Store
from pipelines.operators import Cyclic, Fill, Log, Numeric, Ratio, Standardise
from pipelines.operators.program import program_of
from pipelines.operators.state import write_program
from pipelines.shared.scoring.reasons import open_explainer, reason_codes
from tests.pipelines.made_models import (
    FRAUD,
    publish_model,
    publish_training_set,
    scaling_of,
    work_on,
)

DECLARED = (
    Numeric("amount") >> Fill("mean", flag=True) >> Standardise(),
    Numeric("hour") >> Cyclic(24),
    Numeric("age") >> Log(),
    Ratio("amount", "age") >> Standardise(),
)
NAMES = ("amount", "hour", "age", "amount_per_age")
DRAWN = np.random.default_rng(5)
COLUMNS = {
    "amount": np.where(DRAWN.random(50) < 0.2, np.nan, DRAWN.gamma(2, 30, 50)),
    "hour": DRAWN.integers(0, 24, 50).astype(np.float64),
    "age": DRAWN.gamma(3, 10, 50),
}


@pytest.fixture
def published(tmp_path):
    publish_training_set(tmp_path)
    manifest = publish_model(tmp_path)
    _, work = work_on("train", tmp_path)
    return Store(str(tmp_path)).open(manifest), work


def written_model(folder, hidden=(8,), golden=True, about=None):
    """A dense network over inputs that several operators make."""
    program = program_of(DECLARED, {})
    fitted = program.fitted(program.partials(np, COLUMNS))
    write_program(folder, fitted)
    sizes, index, layers = (len(program.numeric()), *hidden, 1), [], []
    (folder / "weights").mkdir()
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        for part, shape in (("kernel", (a, b)), ("bias", (b,))):
            file = f"{n}-{part}.npy"
            np.save(folder / "weights" / file, DRAWN.normal(size=shape).astype(np.float32))
            index.append({"file": file, "name": f"layer_{n}/{part}", "shape": list(shape)})
        bend = "relu" if n < len(hidden) else "linear"
        layers.append(
            {"class_name": "Dense", "config": {"name": f"layer_{n}", "activation": bend}}
        )
    (folder / "weights/index.json").write_text(json.dumps(index))
    (folder / "model.json").write_text(json.dumps({"config": {"layers": layers}}))
    if golden:
        rows = {n: [None if np.isnan(v) else v for v in c] for n, c in COLUMNS.items()}
        (folder / "golden.json").write_text(json.dumps({"rows": rows, "predictions": {}}))
    if about:
        (folder / "millrace.json").write_text(json.dumps(about))
    return fitted


def test_of_a_logistic_model_they_are_weight_times_standardised_value(published):
    folder, _ = published
    explainer, names = open_explainer(folder), FRAUD.feature_names()
    mean, deviation = scaling_of(folder)
    raw = np.random.default_rng(6).normal(size=(30, len(names))) * 4
    kernel, bias = (np.load(folder / f"weights/0{n}.npy") for n in (0, 1))
    found = explainer.contributions({n: raw[:, k] for k, n in enumerate(names)})
    assert explainer.names == names
    assert explainer.reference == pytest.approx(float(bias[0]))
    expected = (raw - mean) / deviation * kernel[:, 0]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("hidden", [(), (8,), (8, 5)])
def test_inputs_are_summed_back_to_the_features_that_they_are_made_of(tmp_path, hidden):
    fitted = written_model(tmp_path, hidden)
    explainer = open_explainer(tmp_path)
    found = explainer.contributions(COLUMNS)
    assert explainer.names == NAMES
    assert dict(explainer.columns) == dict.fromkeys(("amount", "hour", "age"), "number")
    x = fitted.transform(np, COLUMNS)
    change = explainer.attribution.log_odds(x) - explainer.reference
    np.testing.assert_allclose(found.sum(axis=1), change, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found, explainer.of_inputs(x))


def test_the_reference_is_the_mean_of_standardised_inputs_and_of_golden_rows(tmp_path):
    x = written_model(tmp_path).transform(np, COLUMNS)["x"]
    reference = open_explainer(tmp_path).reference_inputs["x"][0]
    # Standardised, missing flag, sine, cosine, logarithm, standardised.
    assert reference[0] == reference[5] == 0
    np.testing.assert_allclose(reference[1:5], x[:, 1:5].mean(axis=0), rtol=1e-6)


def test_a_row_like_the_reference_has_no_reasons(tmp_path):
    written_model(tmp_path)
    explainer = open_explainer(tmp_path)
    assert (explainer.of_inputs(explainer.reference_inputs) == 0).all()
    none = {name: values[:0] for name, values in COLUMNS.items()}
    assert explainer.contributions(none).shape == (0, 4)


def test_a_model_without_golden_rows_is_compared_with_a_row_of_unknown_values(tmp_path):
    fitted = written_model(tmp_path, golden=False)
    unknown = fitted.transform(np, {name: np.array([np.nan]) for name in COLUMNS})
    reference = open_explainer(tmp_path).reference_inputs
    np.testing.assert_array_equal(reference["x"][0, 1:5], unknown["x"][0, 1:5])
    assert reference["x"][0, 0] == 0


def test_models_that_cannot_be_explained_say_why_and_what_to_do(tmp_path):
    for name in ("times", "bare", "broken"):
        (tmp_path / name).mkdir()
    written_model(tmp_path / "times", about={"head": {"kind": "survival"}})
    with pytest.raises(ConfigError, match=r"head is 'survival'. Expected Binary. Declare scor"):
        open_explainer(tmp_path / "times")
    written_model(tmp_path / "bare")
    (tmp_path / "bare/program.json").unlink()
    with pytest.raises(
        ArtifactError, match=r"bare: the model has no program.json, .* Run train"
    ):
        open_explainer(tmp_path / "bare")
    written_model(tmp_path / "broken")
    np.save(tmp_path / "broken/weights/1-kernel.npy", np.full((8, 1), np.nan, np.float32))
    explainer = open_explainer(tmp_path / "broken")
    with pytest.raises(ArtifactError, match=r"of 50 of 50 rows do not add up .* Run train"):
        explainer.contributions(COLUMNS)


def test_reason_codes_are_the_features_that_raise_a_row_most():
    contributions = np.array(
        [[0.5, -1.0, 2.0, 0.5], [-1.0, -2.0, 0.0, -0.1], [3.0, 4.0, 5.0, 6.0]], np.float32
    )
    found = reason_codes(contributions, ("a", "b", "c", "d"), 2).to_pylist()
    assert found == [
        [{"feature": "c", "contribution": 2.0}, {"feature": "a", "contribution": 0.5}],
        [],
        [{"feature": "d", "contribution": 6.0}, {"feature": "c", "contribution": 5.0}],
    ]
    assert len(reason_codes(contributions, "abcd", 9).to_pylist()[0]) == 3
    assert reason_codes(contributions[:0], "abcd", 2).to_pylist() == []
    assert reason_codes(contributions, "abcd", 0).to_pylist() == [[], [], []]
