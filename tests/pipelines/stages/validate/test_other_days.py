"""``validate`` beside the days before: what it says, and that its verdict does not depend on them."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.core.store import Ref, Store
from pipelines.protocol import perform, stage_named
from tests.pipelines.shared.tables.made import transactions, with_column, work_on

DAYS = [(date(2026, 1, 5) + timedelta(days=n)).isoformat() for n in range(8)]
LAST = DAYS[-1]


def table_of(day):
    table = transactions(300, seed=int(day[-2:]), day=day)
    ids = np.arange(300) + 1000 * int(day[-2:])
    table = with_column(table, "TRANSACTION_ID", [ids])
    if day != LAST:
        return table
    cents = table["TX_AMOUNT"].to_numpy() * 100
    return with_column(table, "TX_AMOUNT", [cents])


def validated(store, source, day):
    """Ingest and validate a day in process; its result."""
    path = source / f"ds={day}" / "part-0.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table_of(day), path)
    for stage in ("ingest", "validate"):
        work = work_on(stage, store, source)
        result = perform(stage_named(stage), replace(work, partition=day, history_from=DAYS[0]))
    return result


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    """A store with eight days taken in one after another, and what the last one reported."""
    root = tmp_path_factory.mktemp("in-order")
    *_, last = [validated(root / "store", root / "source", day) for day in DAYS]
    return root, last


def folder_of(root):
    store = Store(str(root / "store"))
    return store.open(store.find(Ref("fraud_detection", "validated", f"ds={LAST}")))


def test_a_day_in_cents_is_reported_beside_its_verdict_with_what_to_do(in_order):
    root, last = in_order
    assert (last["verdict"], last["reason"]) == ("accepted", "")
    assert last["noted"].startswith(
        f"unlike the 7 days before it. {LAST}: moved_share of tx_amount 0.9"
    )
    assert "A window with this day will be refused. Correct the source" in last["noted"]
    reported = json.loads((folder_of(root) / "earlier_days.json").read_text())
    assert (reported["day"], reported["days"]) == (LAST, DAYS[:-1])
    page = (folder_of(root) / "report.html").read_text()
    assert "Beside other days" in page
    assert "moved_share of <code>tx_amount</code>" in page


def test_a_day_is_the_same_whichever_days_were_there_before_it(in_order, tmp_path):
    root, last = in_order
    alone = validated(tmp_path / "store", tmp_path / "source", LAST)
    assert "noted" not in alone
    assert (alone["digest"], alone["content"]) == (last["digest"], last["content"])
    again = validated(root / "store", root / "source", LAST)
    assert (again["cached"], again["noted"]) == (True, last["noted"])
    reported = json.loads((folder_of(tmp_path) / "earlier_days.json").read_text())
    assert reported["why_not"] == "0 other days, validation.days.min_days = 7"


def test_a_damaged_profile_of_an_earlier_day_costs_that_day_alone(in_order, tmp_path):
    root, _ = in_order
    store = Store(str(root / "store"))
    manifest = store.find(Ref("fraud_detection", "validated", f"ds={DAYS[0]}"))
    file = store.open(manifest) / "profile.json"
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"1", b"2", 1))
    try:
        work = work_on("validate", root / "store", None)
        budget = replace(work.pipeline.validation, max_quarantined_share=0.02)
        pipeline = replace(work.pipeline, validation=budget)
        work = replace(work, partition=LAST, history_from=DAYS[0], pipeline=pipeline)
        result = perform(stage_named("validate"), work)
    finally:
        file.write_bytes(whole)
    assert (result["verdict"], "noted" in result) == ("accepted", False)
    reported = json.loads((folder_of(root) / "earlier_days.json").read_text())
    assert reported["days"] == DAYS[1:-1]
