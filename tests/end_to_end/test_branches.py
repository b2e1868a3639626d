"""A looser rule and a longer training beside production: run, compared, promoted, dropped."""

import json

import pyarrow.parquet as pq
import pytest

from tests.pipelines.cli.test_usage import millrace
from tests.pipelines.drivers.test_chain import FIRST, LAST, SETTINGS

pytestmark = pytest.mark.slow

BRANCH = "looser"
CHANGED = ["training.epochs=3", "validation.max_quarantined_share=1.0"]


def json_of(*argv):
    done = millrace(*argv, "--json")
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def chain(root, *more, settings=()):
    given = [word for each in (*SETTINGS, *settings) for word in ("--set", each)]
    where = ("--source", root / "source", "--store", root / "store")
    return json_of(
        "run", "fraud_detection", *where, "--from", FIRST, "--to", LAST, *given, *more
    )


def published(root):
    """The bytes behind every pointer of main."""
    store = root / "store" / "fraud_detection"
    found = {
        p: p.read_bytes() for p in store.glob("*/**/manifest.json") if ".branches" not in str(p)
    }
    return {p: text for p, text in found.items() if len(p.parent.name) != 16}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("branches")
    made = millrace(
        *(
            "simulate",
            "fraud_detection",
            "--from",
            FIRST,
            "--to",
            LAST,
            "--out",
            root / "source",
        ),
        *("--rows-per-day", 1500, "--plant", "rows=4,mostly_bad=2026-01-03"),
    )
    assert made.returncode == 0, made.stderr
    return root


def test_a_branch_is_run_compared_promoted_and_dropped_beside_production(root):
    main = chain(root)
    before = published(root)
    branch = chain(root, "--branch", BRANCH, settings=CHANGED)
    assert published(root) == before
    assert branch["stages"]["ingest"]["cached"] == branch["stages"]["ingest"]["work"]
    assert (main["refused"], branch["refused"]) == (["2026-01-03"], [])

    store = ("--store", root / "store")
    found = json_of("branch", "diff", "fraud_detection", BRANCH, *store)
    assert found["datasets"]["ingested"] == {"same": 8}
    [model] = found["models"]
    assert model["key"] == f"as_of={main['as_of']}/seed=0"
    low, high = model["metrics"]["auc"]["interval"]
    assert low <= model["metrics"]["auc"]["difference"] <= high
    texts = [text for each in found["artifacts"] for text in each["differs"]]
    assert "config training.epochs: 2 -> 3" in texts
    assert found["refused"] == {"main": ["validated/ds=2026-01-03"]}
    # The branch has a registered model of its own; production's champion is as it was.
    names = [
        json_of("models", "fraud_detection", *store, *on)["versions"]
        for on in ((), ("--branch", BRANCH))
    ]
    assert [len(each) for each in names] == [1, 1]
    assert names[0][0]["digest"] != names[1][0]["digest"]

    moved = json_of("branch", "promote", "fraud_detection", BRANCH, *store)["moved"]
    assert f"fraud_detection/models/as_of={main['as_of']}/seed=0" in moved
    # Production's declaration follows: everything is found, and its own promotion alone is made.
    again = chain(root, settings=CHANGED)
    worked = {n: each["work"] - each["cached"] for n, each in again["stages"].items()}
    assert {name for name, count in worked.items() if count} <= {"promote"}
    assert json_of("branch", "drop", "fraud_detection", BRANCH, *store)["branch"] == BRANCH
    assert not json_of("verify", *store)["damaged"]
    assert pq.read_table(next((root / "store").rglob("scores.parquet"))).num_rows
