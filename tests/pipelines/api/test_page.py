"""docs/api.md does what it shows, from an empty folder, and its model scores rows in every form."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PAGE = ROOT / "docs/api.md"


def run_page(folder, more):
    (folder / "empty").mkdir()
    argv = [HERE / "run_page.py", PAGE, folder / "out.json", more]
    ran = subprocess.run(
        [sys.executable, *map(str, argv)],
        cwd=folder / "empty",
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-5000:]
    return json.loads((folder / "out.json").read_text())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return run_page(tmp_path_factory.mktemp("page"), HERE / "after_page.py")


def assert_prints_what_is_shown(blocks):
    assert len(blocks) > 6
    for block in blocks:
        assert block["printed"] == block["shown"], block["code"]


def test_the_page_prints_what_it_shows_up_to_the_model(tmp_path):
    assert_prints_what_is_shown(run_page(tmp_path, "## Models")["blocks"])


@pytest.mark.slow
def test_the_whole_page_prints_what_it_shows(page):
    assert_prints_what_is_shown(page["blocks"])


@pytest.mark.slow
def test_rows_get_the_same_score_in_every_form_and_in_any_company(page):
    found = page["found"]
    scores = found["dataset"]
    assert all(other == scores for other in found["forms"].values()), list(found["forms"])
    assert found["sent"] == scores
    assert found["one by one"] == [scores[0], scores[7], scores[-1]]
    assert len(set(scores)) > 10


@pytest.mark.slow
def test_scores_are_those_of_the_evaluation_and_of_the_golden_rows(page):
    found = page["found"]
    assert np.allclose(found["dataset"], found["published"], rtol=0, atol=1e-6)
    own, golden = found["golden"]
    assert len(own) == len(golden)
    assert np.allclose(own, golden, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_null_and_nan_are_unknown_alike(page):
    null, nan = page["found"]["unknown"]
    assert null == nan
    assert page["found"]["finite"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("no rows", "rows are empty"),
        ("no columns", "The rows have no column"),
        ("no table", "must be a pyarrow Table.*got int"),
        ("one column missing", r"lack 1 of the 15 columns .*\(tx_amount\)"),
        ("another name", "lack 15 of the 15 .*Known: CUSTOMER"),
        ("texts", "'tx_amount' must hold numbers; got string"),
        ("mixed", "cannot be read as a table"),
        ("nested", "'tx_amount' must hold numbers; got list"),
        ("times", "'tx_amount' must hold numbers; got timestamp"),
        ("another length", "all columns as many"),
        ("no list", "cannot be read as a table"),
        ("a column twice", "tx_amount more than once"),
        ("another dataset", "lack 14 of the 15"),
    ],
)
def test_rows_that_cannot_be_scored_are_refused_by_their_column(page, rows, said):
    message = page["found"]["wrong"][rows]
    assert message.startswith("ConfigError: score with fraud_detection/models/"), message

    assert re.search(said, message), message
