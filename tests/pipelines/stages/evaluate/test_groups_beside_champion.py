"""Groups and found slices through the stage: a planted slice, the champion on it, and the gate."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.spec import Gates, SliceSearch, Subgroup
from tests.pipelines.made_models import (
    FRAUD,
    done,
    publish_model,
    publish_training_set,
    seeded,
    work_on,
)

COLUMNS = ("tx_amount", "during_night")
EVALUATION = replace(
    FRAUD.evaluation,
    bootstrap_samples=40,
    explained_rows=0,
    exclude_known=False,
    subgroups=(Subgroup("tx_amount", cuts=(0.7,)),),
    slice_search=SliceSearch(columns=COLUMNS),
    fairness=(Subgroup("during_night", cuts=(2.0,)),),
)
PIPELINE = replace(FRAUD, evaluation=EVALUATION, gates=Gates())
GATED = replace(
    PIPELINE, gates=Gates(max_loss_to_champion=1, max_subgroup_loss_to_champion=0.0)
)


def planted(_day, x, y):
    """Labels of the rows with a large amount say nothing of what the model knows."""
    here = x[:, 0] > 0.7
    y = y.copy()
    y[here] = np.random.default_rng(7).permutation(y[here])
    return y


def evaluated(root, pipeline, seed=0):
    done("evaluate", root, pipeline=pipeline)
    _, work = work_on("evaluate", root, pipeline=seeded(seed, pipeline))
    folder = work.store.open(work.store.find(work.model_ref("evaluations")))
    return json.loads((folder / "metrics.json").read_text()), (
        folder / "model_card.html"
    ).read_text()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A champion, and a challenger that is worse than it."""
    root = tmp_path_factory.mktemp("groups")
    publish_training_set(root, spoil=planted)
    publish_model(root)
    done("evaluate", root, pipeline=PIPELINE)
    done("promote", root, pipeline=PIPELINE)
    publish_model(root, quality=0.6, seed=1)
    return root


def test_the_planted_slice_is_found_and_shown(root):
    facts, page = evaluated(root, PIPELINE)
    found = facts["slices"]["found"]
    assert found[0]["column"] == "tx_amount"
    assert found[0]["group"].endswith("and above")
    assert found[0]["corrected_p"] < 0.01 < found[0]["effect_interval"][0]
    assert found[0]["gaps"]["average_precision"] < 0
    assert found[0]["rows"] % 10 == 0
    assert 8 + 8 < facts["slices"]["looks"] <= 8 + 16  # few events make a slice too small
    assert "Slices that were searched for" in page
    assert f"tx_amount: {found[0]['group']}" in page
    assert "Decisions by group" in page
    assert {each["group"] for each in facts["fairness"]["groups"]} == {"below 2", "2 and above"}


def test_groups_and_slices_are_compared_with_the_champion_on_their_rows(root):
    facts, page = evaluated(root, seeded(1, PIPELINE), 1)
    for each in (*facts["subgroups"], *facts["slices"]["found"]):
        low, high = each["champion_difference_intervals"]["average_precision"]
        assert low <= each["champion_differences"]["average_precision"] <= high
    ordinary = next(g for g in facts["subgroups"] if g["group"] == "below 0.7")
    assert ordinary["champion_difference_intervals"]["average_precision"][1] < 0
    assert "less the champion" in page


def test_a_gate_holds_a_model_that_is_surely_worse_than_the_champion_in_a_group(root):
    facts, _ = evaluated(root, seeded(1, GATED), 1)
    assert facts["verdict"] == "NOT_BETTER"
    reason = next(each for each in facts["reasons"] if "group tx_amount below 0.7" in each)
    assert "worse than the champion's on the same rows" in reason
    assert reason.endswith("0 is allowed.")
    allowed = replace(GATED, gates=replace(GATED.gates, max_subgroup_loss_to_champion=1.0))
    assert evaluated(root, seeded(1, allowed), 1)[0]["verdict"] == "BETTER"


def test_a_first_model_has_no_champion_to_lose_to(tmp_path):
    publish_training_set(tmp_path)
    publish_model(tmp_path)
    facts, _ = evaluated(tmp_path, GATED)
    assert facts["verdict"] == "BETTER"
    assert facts["slices"]["found"] == []
    assert "champion_differences" not in facts["subgroups"][0]
