"""What of a day's features is taken over where rows come late and are corrected."""

import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between, shift
from pipelines.core.store import file_digest
from pipelines.core.store.why import differences
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables import schema
from pipelines.spec import Numeric, Sequence, Trailing
from pipelines.stages.featurize import reused
from tests.pipelines.stages.featurize.late_rows import (
    came_later,
    corrected_pipeline,
    on_time,
    with_late_rows,
)
from tests.pipelines.stages.featurize.validated import FIRST, publish_validated, work_on

DAYS = days_between(FIRST, shift(FIRST, 5))
*_, EARLIER, THE_DAY, KNOWN, LATER = DAYS
SEEN = DAYS[: DAYS.index(THE_DAY) + 1]
KEPT = (
    Numeric("tx_amount"),
    Trailing("customer", ("count", "sum", "last"), (2,), column="tx_amount"),
    Trailing("terminal", ("rate",), (2,), column="tx_fraud", delay_days=1),
    Sequence("terminal", ("tx_amount",), steps=2, within_days=1),
)
BEFORE = corrected_pipeline((*KEPT, Trailing("customer", ("mean",), (1,), column="tx_amount")))
AFTER = corrected_pipeline((*KEPT, Trailing("customer", ("max",), (1,), column="tx_amount")))
# The day itself has rows of three days, and one that was replaced on the day it became known.
USUAL = {
    EARLIER: with_late_rows(EARLIER, THE_DAY, LATER),
    THE_DAY: pa.concat_tables(
        [with_late_rows(THE_DAY, KNOWN, LATER), came_later(THE_DAY, LATER, 2)]
    ),
}
# Corrections of days that the day looks back on, and whether some row of it could see them.
CORRECTIONS = {
    "known by its end": (with_late_rows(EARLIER, THE_DAY, THE_DAY, LATER), True),
    "known with its first late rows": (with_late_rows(EARLIER, THE_DAY, KNOWN, LATER), True),
    "known with its last late rows": (with_late_rows(EARLIER, THE_DAY, LATER, LATER), True),
    "known after all of it": (with_late_rows(EARLIER, THE_DAY, LATER, shift(LATER, 9)), False),
}


def publish(root, tables):
    for day in SEEN:
        work = work_on(BEFORE, root, partition=day)
        publish_validated(work, day, tables.get(day, on_time(day)))


def make_unreadable(work, manifest, name):
    """Have a file hold no table, with a manifest that knows it so: reading it would fail."""
    path = work.store.open(manifest) / name
    path.write_bytes(bytes(path.stat().st_size))
    facts = {"bytes": path.stat().st_size, "sha256": file_digest(path)}
    known = replace(manifest, files=manifest.files | {name: facts})
    work.store.write_own(known)
    work.store.point(known)
    return known


def made(root, pipeline):
    work = work_on(pipeline, root, partition=THE_DAY)
    perform(stage_named("featurize"), work, reach=False)
    return work.find(work.partition_ref("features"))


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A store with the day as it was declared before, and the day's files as declared now."""
    root = tmp_path_factory.mktemp("usual")
    publish(root / "store", USUAL)
    shutil.copytree(root / "store", root / "fresh")
    made(root / "store", BEFORE)
    return root / "store", made(root / "fresh", AFTER).files


def test_each_row_version_is_reused_and_no_other_window_reads_a_history(tmp_path, usual):
    store, fresh = usual
    shutil.copytree(store, tmp_path / "store")
    work = work_on(BEFORE, tmp_path / "store", partition=THE_DAY)
    old = work.find(work.partition_ref("features"))
    for day in SEEN:
        # Whoever computes a window of a terminal, or of two days of a customer, reads these.
        manifest = work.find(work.partition_ref("validated", day))
        manifest = make_unreadable(work, manifest, "history-terminal.parquet")
        if day < EARLIER:
            make_unreadable(work, manifest, "history-customer.parquet")
    new = made(tmp_path / "store", AFTER)
    assert [name for name in new.files if name.startswith("part-")] == [
        "part-0.parquet",
        f"part-known={KNOWN}.parquet",
        f"part-known={LATER}.parquet",
    ]
    assert new.files == fresh != old.files
    changed = [text for text in differences(old, new) if not text.startswith("inputs")]
    assert changed == ["config features Trailing aggregates: ['mean'] -> ['max']"]


@pytest.mark.parametrize(("corrected", "is_seen"), CORRECTIONS.values(), ids=CORRECTIONS)
def test_what_became_known_of_an_earlier_day_makes_its_windows_again(
    tmp_path, usual, corrected, is_seen
):
    store, uncorrected = usual
    publish(tmp_path / "fresh", USUAL | {EARLIER: corrected})
    shutil.copytree(store, tmp_path / "store")
    work = work_on(BEFORE, tmp_path / "store", partition=EARLIER)
    publish_validated(work, EARLIER, corrected)
    found, fresh = (made(tmp_path / name, AFTER).files for name in ("store", "fresh"))
    assert found == fresh
    assert (fresh != uncorrected) == is_seen


def test_a_day_in_groups_is_the_day_as_a_whole_late_rows_and_reused_windows_among_it(
    tmp_path, monkeypatch
):
    def tables(root):
        """Made under one declaration and then under another, which carries most windows over."""
        publish(root, USUAL)
        found = []
        for pipeline in (BEFORE, AFTER):
            manifest = made(root, pipeline)
            folder = work_on(pipeline, root, partition=THE_DAY).store.open(manifest)
            paths = sorted(folder.glob("part-*.parquet"))
            # As text: NaN is equal to itself.
            found += [(path.name, str(pq.read_table(path).to_pylist())) for path in paths]
        return found, [pq.read_metadata(path).num_row_groups for path in paths]

    whole, groups = tables(tmp_path / "whole")
    assert groups == [1, 1, 1]
    monkeypatch.setattr(schema, "GROUP_ROWS", 16)
    monkeypatch.setattr(reused, "BATCH_ROWS", 7)
    found, groups = tables(tmp_path / "groups")
    assert found == whole
    assert groups == [3, 3, 4]
