"""From simulated records to a model beside the best reachable score, by three commands."""

import json

import pytest

from pipelines.domains.disease_progression.planting import DEFECTS
from tests.pipelines.cli.test_usage import millrace

NAME, SPAN, AS_OF = "disease_progression", ("2010-01-01", "2025-12-31"), "2026-01-01"


def answer(*argv):
    """The line of JSON that a command ends with; it must succeed."""
    done = millrace(*argv, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_patients_become_a_model_that_reaches_most_of_the_best_score(tmp_path):
    source, store = tmp_path / "source", tmp_path / "store"
    days = ("--from", SPAN[0], "--to", SPAN[1])
    made = millrace(
        *("simulate", NAME, *days, "--out", source, "--size", 4000, "--plant", "rows=30")
    )
    assert made.returncode == 0, made.stderr
    where = ("--store", store, "--source", source, "--as-of", AS_OF)
    ran = answer("run", NAME, *days, *where)
    assert set(ran["quarantined"]) == set(DEFECTS.values())
    assert ran["refused"] == []
    found = answer("reachable", NAME, *where)
    assert found["events"] > 15
    assert found["recorded"] < found["hidden"]
    assert found["share"] > 0.85
