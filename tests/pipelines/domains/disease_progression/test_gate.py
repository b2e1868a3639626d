"""The gate on simulated records: each bad row goes to quarantine by its own rule, and no other row."""

import pyarrow.parquet as pq

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.domains.disease_progression.planting import DEFECTS
from pipelines.domains.disease_progression.simulator import Cohort, simulate_cohort
from pipelines.protocol import Work, perform, stage_named
from pipelines.spec import load

YEAR = "2012"


def work_on(root, planted):
    """The work on simulated records."""
    cohort = Cohort(
        first="2010-01-01", last="2012-12-31", patients=1_500, seed=8, planted=planted
    )
    simulate_cohort(cohort, root / "source")
    return Work(
        pipeline=load("disease_progression"),
        store=Store(f"file://{root / 'store'}"),
        report=Reporter("gate"),
        partition=YEAR,
        source=str(root / "source"),
        history_from="2010-01-01",
    )


def rows_of(work, dataset, file="part-0.parquet"):
    work = work.of_table("events", YEAR)
    return pq.read_table(work.store.open(work.find(work.partition_ref(dataset))) / file)


def test_each_bad_row_is_quarantined_by_its_rule_and_the_others_are_those_without_them(
    tmp_path,
):
    work, clean = work_on(tmp_path / "bad", 0.1), work_on(tmp_path / "clean", 0.0)
    for table, key in (("patients", "all"), ("events", YEAR)):
        for stage in ("ingest", "validate"):
            perform(stage_named(stage), work.of_table(table, key))
    perform(stage_named("ingest"), clean.of_table("events", YEAR))
    lines = rows_of(work, "validated", "quarantine.parquet")
    assert set(lines["_rule"].to_pylist()) == set(DEFECTS.values())
    assert len(set(lines["_row"].to_pylist())) == lines.num_rows
    passed = rows_of(work, "validated").drop_columns(["_row"])
    assert passed.equals(rows_of(clean, "ingested").drop_columns(["_row"]))
