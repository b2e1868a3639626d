"""A day in several parts is split as the same day in one."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.shared.compute import ComputeSettings, open_compute
from pipelines.shared.expectations.engine import evaluate
from pipelines.shared.expectations.rules import rules_of
from pipelines.shared.expectations.verdict import quarantines_rows
from pipelines.shared.tables.reading import read_bucket
from pipelines.spec import load
from pipelines.stages.validate.splitting import count_rows, split_rows
from tests.pipelines.shared.tables.made import DAY, canonical, with_column

FRAUD = load("fraud_detection")


def split(folder, tables):
    """Split a day that is in one file a table; its published files and the first rows."""
    folder.mkdir()
    files = [folder / f"{nth}.parquet" for nth in range(len(tables))]
    for table, file in zip(tables, files, strict=True):
        pq.write_table(table, file)
    scratch, out = folder / "scratch", folder / "out"
    scratch.mkdir(), out.mkdir()
    with open_compute(len(tables), ComputeSettings(workers=2)) as compute:
        found = evaluate(rules_of(FRAUD, DAY), files, scratch / "row-locations", compute)
        keeping = [f for f in found.findings if quarantines_rows(f)]
        counted = count_rows(found, keeping, compute)
        seen = []
        first = split_rows(
            found, keeping, counted, compute, pipeline=FRAUD, day=DAY, run="r", keep_good=True,
            scratch=scratch, out=out, on_rows=seen.append,
        )  # fmt: skip
    return out, first, (sum(part.bad for part in counted), sorted(seen))


@pytest.mark.parametrize(
    "cuts",
    [
        (0, 1, 200),  # an empty part, one of a single row, and a cut between two rows of an id
        pytest.param((0, 1, 399), marks=pytest.mark.slow),
        pytest.param((100, 300), marks=pytest.mark.slow),
    ],
)
def test_parts_give_the_rows_lines_and_histories_of_the_whole(tmp_path, cuts):
    table = canonical(400)
    amounts = np.where(np.arange(400) % 7 == 0, -1.0, table["tx_amount"].to_numpy())
    ids = table["transaction_id"].to_pylist()
    ids[350] = ids[10]
    table = with_column(table, "tx_amount", pa.array(amounts))
    table = with_column(table, "transaction_id", pa.array(ids))
    ends = [0, *cuts, 400]
    parts = [table.slice(a, b - a) for a, b in pairwise(ends)]
    whole, first, (bad, _) = split(tmp_path / "whole", [table])
    cut, cut_first, (cut_bad, seen) = split(tmp_path / "cut", parts)
    assert (cut_bad, cut_first) == (bad, first)
    assert seen == sorted(part.num_rows for part in parts)
    for name in ("part-0.parquet", "quarantine.parquet"):
        assert pq.read_table(cut / name).equals(pq.read_table(whole / name)), name
    for entity in ("customer", "terminal"):
        for bucket in range(FRAUD.buckets):
            rows = [
                read_bucket(
                    folder / f"history-{entity}.parquet", bucket, ["_entity", "_position"]
                )
                for folder in (whole, cut)
            ]
            for name in ("_entity", "_position"):
                assert rows[0][name].tolist() == rows[1][name].tolist()
