"""The best reachable score beside the model's: the count of pairs, the rows that count, what is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cli.app import app
from pipelines.core.errors import ConfigError, InputMissingError
from pipelines.domains.disease_progression.landmark_scores import landmark_scores
from pipelines.domains.disease_progression.simulator import Cohort, simulate_cohort
from pipelines.drivers import reachable as driver
from pipelines.drivers.reachable import concordance, reachable
from pipelines.spec import load
from pipelines.spec.heads import TIMES
from tests.pipelines.made_models import publish, work_on

NAME, AS_OF = "disease_progression", "2026-01-01"
ROW = st.tuples(st.integers(1, 6), st.booleans(), st.integers(0, 4))


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, min_size=2, max_size=30), block=st.sampled_from([1, 7, 1 << 20]))
def test_the_concordance_is_that_of_a_loop_over_pairs(rows, block):
    won = pairs = 0
    for time, happened, score in rows:
        for other, also, theirs in rows:
            if happened and (time < other or (time == other and not also)):
                pairs += 1
                won += 1.0 if score > theirs else 0.5 * (score == theirs)
    time, happened, score = (np.array(values) for values in zip(*rows, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "BLOCK_PAIRS", block)
        found = concordance(time.astype(float), happened, score.astype(float))
    assert found == pytest.approx(won / pairs) if pairs else np.isnan(found)


@pytest.fixture
def evaluated(tmp_path):
    """A store with the scores of some landmarks, whose model knows the best score and adds noise."""
    cohort = Cohort(first="2010-01-01", last="2015-12-31", patients=200, seed=3)
    simulate_cohort(cohort, tmp_path / "source")
    ids = [f"{n + 1}@2012-06-0{1 + n % 9}" for n in range(200)]
    best = landmark_scores(tmp_path / "source", ids).recorded
    rng = np.random.default_rng(1)
    happened = rng.random(200) < best
    times = load(NAME).head.labels == TIMES
    label = np.where(happened, 1.0, -1.0 if times else 0.0) * (400 if times else 1)

    def write(out):
        table = pa.table(
            {
                "landmark_id": ids,
                "label": pa.array(label, mask=np.arange(200) >= 190),
                "competing_event": np.zeros(200, bool),
                "score": best + rng.normal(0, 0.02, 200),
            }
        )
        pq.write_table(table, out / "scores.parquet")

    _, work = work_on("evaluate", tmp_path / "store", pipeline=load(NAME), as_of=AS_OF)
    publish(tmp_path / "store", "evaluate", work, write)
    return tmp_path, int(happened[:190].sum())


def test_a_model_is_compared_with_the_truth_on_the_labelled_rows(evaluated, capsys):
    root, events = evaluated
    options = [
        "--store",
        str(root / "store"),
        "--source",
        str(root / "source"),
        "--as-of",
        AS_OF,
    ]
    app(args=["reachable", NAME, *options, "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["events"]) == (190, events)
    assert 0.5 < found["model"] <= 1
    assert found["recorded"] > 0.8
    share = (found["model"] - 0.5) / (found["recorded"] - 0.5)
    assert found["share"] == pytest.approx(share)
    app(args=["reachable", NAME, *options], standalone_mode=False)
    assert f"best reachable, by the records                 {found['recorded']:.4f}" in (
        capsys.readouterr().out
    )


def test_what_cannot_be_compared_says_why(evaluated):
    root, _ = evaluated
    store, source = str(root / "store"), root / "source"
    with pytest.raises(ConfigError, match="fraud_detection has no simulation with best_scores"):
        reachable("fraud_detection", store, source, AS_OF)
    with pytest.raises(InputMissingError, match=r"no model as of 2025-01-01 was evaluated"):
        reachable(NAME, store, source, "2025-01-01")
    with pytest.raises(ConfigError, match="has no simulated records"):
        reachable(NAME, store, root, AS_OF)
