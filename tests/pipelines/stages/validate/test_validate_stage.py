"""What a day becomes: good rows, quarantine, report, histories, or a refusal."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ArtifactError, InputMissingError, PartitionRefusedError
from pipelines.core.store import Store, describe_files
from pipelines.shared.tables.reading import read_bucket
from pipelines.spec import Rule, load
from pipelines.stages.validate.stage import plan
from tests.pipelines.shared.tables.made import (
    DAY,
    HANDBOOK,
    canonical,
    done,
    published,
    transactions,
    with_column,
    work_on,
    write_source,
)

PIPELINE = load("fraud_detection")
ROOT = Path(__file__).parents[4]
MIDNIGHT = datetime.fromisoformat(DAY)
NAN, INF = math.nan, math.inf
ROW_RULES = (
    "transaction_id.not_null", "transaction_id.unique", "transaction_id.range",
    "tx_datetime.not_null", "tx_datetime.partition", "customer_id.not_null",
    "customer_id.range", "terminal_id.not_null", "terminal_id.range", "tx_amount.not_null",
    "tx_amount.range", "tx_amount.decimals", "tx_fraud.not_null", "tx_fraud.values",
)  # fmt: skip


def lenient(*rules, share=1.0, min_rows=0):
    validation = replace(
        PIPELINE.validation, rules=rules, max_quarantined_share=share, min_rows=min_rows
    )
    return replace(PIPELINE, validation=validation)


def validated_day(folder, table, pipeline=PIPELINE):
    """Ingest and validate a table in a store of its own; where the day was published."""
    write_source(folder / "source", table)
    store = folder / "store"
    done("ingest", store, folder / "source", pipeline)
    try:
        result = done("validate", store, None, pipeline)
    except PartitionRefusedError as error:
        result = {"refused": str(error)}
    return result, published(store, "validated")


def between(column, low, high):
    return "expect_column_values_to_be_between", (
        ("column", column),
        ("min_value", low),
        ("max_value", high),
    )


def failing_by_oracle(rows):
    """Rule by rule, which rows fail: the declaration read by hand, without any library."""
    ids = [row["transaction_id"] for row in rows]
    end = MIDNIGHT + timedelta(days=1)

    def is_null(value):
        return value is None or value != value  # noqa: PLR0124  NaN is not itself

    def fails(name, row):
        column, rule = name.split(".")
        value = row[column]
        if rule == "not_null":
            return is_null(value)
        if is_null(value):
            return False
        return {
            "unique": lambda: ids.count(value) > 1,
            "range": lambda: value < 0 or (column == "tx_amount" and value > 1_000_000),
            "partition": lambda: not MIDNIGHT <= value < end,
            "decimals": lambda: math.isinf(value) or f"{value:.2f}" != f"{value:.4f}"[:-2]
            or not f"{value:.4f}".endswith("00"),
            "values": lambda: value not in (0, 1),
        }[rule]()  # fmt: skip

    return {(row["_row"], name) for name in ROW_RULES for row in rows if fails(name, row)}


DIRTY_ROW = st.fixed_dictionaries(
    {
        "TRANSACTION_ID": st.one_of(st.integers(0, 30), st.sampled_from([None, -1, 2**60])),
        "TX_DATETIME": st.sampled_from([0, 1, 43_200, 86_399, 86_400, -1, None]).map(
            lambda s: None if s is None else MIDNIGHT + timedelta(seconds=s)
        ),
        "CUSTOMER_ID": st.sampled_from([0, 1, 2, 3, 4, None, -7]),
        "TERMINAL_ID": st.sampled_from([0, 1, 2, 3, None, -7]),
        "TX_AMOUNT": st.sampled_from(
            [0.0, -0.0, 12.34, 1e6, 1_000_000.01, -0.01, 1.005, NAN, INF, -INF, None]
        ),
        "TX_FRAUD": st.sampled_from([0, 1, 0, 0, 2, -1, None]),
    }
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(DIRTY_ROW, max_size=25))
def test_good_and_quarantined_rows_are_the_ingested_ones_by_an_independent_oracle(
    tmp_path_factory, rows
):
    schema = transactions(0).schema
    table = pa.Table.from_pylist(rows, schema=schema)
    result, folder = validated_day(tmp_path_factory.mktemp("d"), table, lenient())
    ingested = [
        {name.lower(): value for name, value in row.items()} | {"_row": index}
        for index, row in enumerate(rows)
    ]
    expected = failing_by_oracle(ingested)
    bad = {row for row, _ in expected}
    quarantine = pq.read_table(folder / "quarantine.parquet")
    assert list(
        zip(quarantine["_row"].to_pylist(), quarantine["_rule"].to_pylist(), strict=True)
    ) == (sorted(expected, key=lambda line: (line[0], ROW_RULES.index(line[1]))))
    good = pq.read_table(folder / "part-0.parquet")
    assert good["_row"].to_pylist() == [r for r in range(len(rows)) if r not in bad]
    assert result["rows"] + result["metrics"]["rows_quarantined"] == len(rows)
    assert sum(result["quarantined"].values()) == len(expected)


def dirty(rows=1000):
    """Five bad rows of a thousand, one of them bad in two ways."""
    table = transactions(rows)
    ids = table["TRANSACTION_ID"].to_pylist()
    ids[20] = 10
    amounts = table["TX_AMOUNT"].to_pylist()
    amounts[30], amounts[31], amounts[10] = -5.25, NAN, None
    customers = table["CUSTOMER_ID"].to_pylist()
    customers[40] = None
    table = with_column(table, "TRANSACTION_ID", pa.array(ids))
    table = with_column(table, "TX_AMOUNT", pa.array(amounts))
    return with_column(table, "CUSTOMER_ID", pa.array(customers, pa.int64()))


def test_bad_rows_are_quarantined_with_rule_expectation_and_value(tmp_path):
    result, folder = validated_day(tmp_path, dirty())
    assert (result["verdict"], result["rows"]) == ("accepted", 995)
    assert result["quarantined"] == {
        "transaction_id.unique": 2,
        "customer_id.not_null": 1,
        "tx_amount.not_null": 2,
        "tx_amount.range": 1,
    }
    assert result["metrics"] == {"rows_in": 1000, "rows_good": 995, "rows_quarantined": 5}
    quarantine = pq.read_table(folder / "quarantine.parquet")
    lines = quarantine.select(["_row", "_rule", "_value", "_partition"]).to_pylist()
    assert [tuple(line.values()) for line in lines] == [
        (10, "transaction_id.unique", "10", DAY),
        (10, "tx_amount.not_null", None, DAY),
        (20, "transaction_id.unique", "10", DAY),
        (30, "tx_amount.range", "-5.25", DAY),
        (31, "tx_amount.not_null", "nan", DAY),
        (40, "customer_id.not_null", None, DAY),
    ]
    assert quarantine["_expectation"][3].as_py() == "expect_column_values_to_be_between"
    assert quarantine.column_names[:7] == [*PIPELINE.table.column_names(), "_row"]
    assert quarantine["tx_amount"][3].as_py() == -5.25


def test_good_rows_are_the_ingested_ones_and_their_histories_hold_them_all(tmp_path):
    _, folder = validated_day(tmp_path, dirty())
    good = pq.read_table(folder / "part-0.parquet")
    ingested = pq.read_table(published(tmp_path / "store", "ingested") / "part-0.parquet")
    bad = [10, 20, 30, 31, 40]
    assert good.equals(ingested.take([r for r in range(1000) if r not in bad]))
    path = folder / "history-customer.parquet"
    buckets = [
        read_bucket(path, b, ["_position"])["_position"] for b in range(PIPELINE.buckets)
    ]
    assert sorted(np.concatenate(buckets).tolist()) == list(range(995))


def test_a_clean_day_has_an_empty_quarantine_with_all_its_columns(tmp_path):
    result, folder = validated_day(tmp_path, transactions(50))
    assert (result["rows"], result["reason"], result["quarantined"]) == (50, "", {})
    quarantine = pq.read_table(folder / "quarantine.parquet")
    assert quarantine.num_rows == 0
    assert quarantine.column_names[-5:] == [
        "_rule",
        "_expectation",
        "_value",
        "_partition",
        "_run",
    ]


def test_more_bad_rows_than_the_budget_refuse_the_day_which_is_published_without_rows(tmp_path):
    table = transactions(100)
    amounts = np.where(np.arange(100) < 2, -1.0, table["TX_AMOUNT"].to_numpy())
    result, folder = validated_day(tmp_path, with_column(table, "TX_AMOUNT", pa.array(amounts)))
    assert "2 of 100 rows (2.00%) break a rule" in result["refused"]
    assert "max_quarantined_share = 1.00% allows (tx_amount.range 2)" in result["refused"]
    assert sorted(p.name for p in folder.iterdir()) == [
        "data_docs.html",
        "data_docs.json",
        "manifest.json",
        "quarantine.parquet",
        "report.html",
        "report.json",
    ]
    assert pq.read_table(folder / "quarantine.parquet").num_rows == 2
    with pytest.raises(PartitionRefusedError, match=r"ds=2018-04-01: refused\. 2 of 100 rows"):
        done("validate", tmp_path / "store")


def test_exactly_the_budget_is_accepted(tmp_path):
    table = transactions(100)
    amounts = np.where(np.arange(100) < 29, -1.0, table["TX_AMOUNT"].to_numpy())
    table = with_column(table, "TX_AMOUNT", pa.array(amounts))
    result, _ = validated_day(tmp_path, table, lenient(share=0.29))
    assert result["rows"] == 71


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (
            0,
            {"min_rows": 1},
            r"table.min_rows .critical. failed: saw 0, expected .'min_value': 1",
        ),
        (9, {"min_rows": 10}, "saw 9, expected"),
        (10, {"min_rows": 10}, "9 of 10 rows are good, fewer than validation.min_rows = 10"),
    ],
)
def test_a_day_with_too_few_rows_is_refused(tmp_path, rows, settings, message):
    table = transactions(rows)
    if rows == 10:
        amounts = [-1.0, *table["TX_AMOUNT"].to_pylist()[1:]]
        table = with_column(table, "TX_AMOUNT", pa.array(amounts))
    result, _ = validated_day(tmp_path, table, lenient(**settings))
    assert re.search(message, result["refused"])


@pytest.mark.parametrize(
    ("severity", "mostly", "verdict", "rows"),
    [
        ("info", None, "accepted", 100),
        ("warning", None, "accepted", 97),
        ("warning", 0.9, "accepted", 97),
        ("warning", 0.99, "refused", 0),
        ("critical", None, "refused", 0),
        ("critical", 0.9, "accepted", 97),
    ],
)
def test_severity_and_mostly_decide_what_failing_rows_cost(
    tmp_path, severity, mostly, verdict, rows
):
    table = transactions(100)
    amounts = np.where(np.arange(100) < 3, 700.0, 5.0)
    expectation, kwargs = between("tx_amount", 0, 600)
    kwargs += () if mostly is None else (("mostly", mostly),)
    pipeline = lenient(Rule("amount.usual", expectation, kwargs, severity))
    result, folder = validated_day(
        tmp_path, with_column(table, "TX_AMOUNT", pa.array(amounts)), pipeline
    )
    report = json.loads((folder / "report.json").read_text())
    assert report["verdict"] == verdict
    assert result.get("rows", 0) == rows
    quarantined = pq.read_table(folder / "quarantine.parquet").num_rows
    assert quarantined == (0 if severity == "info" else 3)
    assert report["rules"][-1]["rows_failing"] == 3
    if severity == "info":
        assert result["reason"] == "0 rows went to quarantine. amount.usual: 3 of 100 rows."


@pytest.mark.parametrize(("severity", "refused"), [("info", False), ("warning", True)])
def test_a_failed_rule_about_no_row_refuses_unless_it_only_informs(tmp_path, severity, refused):
    kwargs = (("column", "tx_fraud"), ("min_value", 0.5))
    rule = Rule("fraud.rate", "expect_column_mean_to_be_between", kwargs, severity)
    result, folder = validated_day(tmp_path, transactions(100), lenient(rule))
    assert ("refused" in result) == refused
    reported = result["refused"] if refused else result["reason"]
    assert "fraud.rate" in reported
    assert "expected {'min_value': 0.5}" in reported
    assert (folder / "part-0.parquet").exists() != refused


def test_a_rule_over_two_columns_reports_both_values(tmp_path):
    table = with_column(transactions(3), "TX_FRAUD", pa.array([0, 1, 0]))
    table = with_column(table, "TX_AMOUNT", pa.array([1.0, 1.0, 0.0]))
    kwargs = (("column_A", "tx_amount"), ("column_B", "tx_fraud"))
    rule = Rule("amount.above", "expect_column_pair_values_a_to_be_greater_than_b", kwargs)
    _, folder = validated_day(tmp_path, table, lenient(rule))
    quarantine = pq.read_table(folder / "quarantine.parquet")
    assert quarantine["_value"].to_pylist() == [
        "tx_amount=1, tx_fraud=1",
        "tx_amount=0, tx_fraud=0",
    ]


def test_the_same_day_has_the_same_content_in_two_stores_and_is_assessed_once(tmp_path):
    first, folder = validated_day(tmp_path / "a", dirty())
    second, _ = validated_day(tmp_path / "b", dirty())
    assert first["content"] == second["content"]
    assert first["digest"] == second["digest"]
    again = done("validate", tmp_path / "a" / "store")
    assert (again["cached"], again["content"]) == (True, first["content"])
    assert (folder / "manifest.json").exists()


def test_a_rule_changed_is_assessed_again_and_a_meaning_changed_is_not(tmp_path):
    validated_day(tmp_path, transactions(10))
    store = tmp_path / "store"
    before = plan(work_on("validate", store, None)).digest()
    assert plan(work_on("validate", store, None, lenient())).digest() != before
    reported = tuple(replace(c, meaning="Other.", unit="EUR") for c in PIPELINE.table.columns)
    changed = replace(
        PIPELINE, tables=(replace(PIPELINE.table, columns=reported),), title="Other"
    )
    assert plan(work_on("validate", store, None, changed)).digest() == before


def test_validate_before_ingest_says_which_stage_must_run(tmp_path):
    with pytest.raises(InputMissingError, match="Run ingest for it first"):
        done("validate", tmp_path)


def test_an_ingested_file_of_another_schema_is_no_input(tmp_path):
    write_source(tmp_path / "source", transactions(5))
    done("ingest", tmp_path / "store", tmp_path / "source")
    store, work = Store(str(tmp_path / "store")), work_on("validate", tmp_path / "store", None)
    other = canonical(5).rename_columns(["transaction_ix", *canonical(5).column_names[1:]])
    made = store.find(work.partition_ref("ingested"))
    with store.staging(made.ref, "other") as out:
        pq.write_table(other, out / "part-0.parquet", compression="none")
        files = describe_files(out, ())
        store.publish(out, replace(made, digest=64 * "0", files=files, volatile_files={}))
    with pytest.raises(
        ArtifactError, match=r"part-0.parquet has transaction_ix: int64, .*Run ingest"
    ):
        done("validate", tmp_path / "store")


VALIDATE = """
import sys
from pathlib import Path
from tests.pipelines.shared.tables.made import done
print(done("validate", Path(sys.argv[1]))["content"])
"""


def test_a_kill_in_the_middle_leaves_nothing_and_the_next_try_publishes_the_same(tmp_path):
    table = transactions(400_000)
    write_source(tmp_path / "source", table)
    done("ingest", tmp_path / "store", tmp_path / "source")
    child = subprocess.Popen(
        [sys.executable, "-c", VALIDATE, str(tmp_path / "store")], cwd=ROOT
    )
    key = tmp_path / "store" / "fraud_detection" / "validated" / f"ds={DAY}"
    deadline = time.monotonic() + 120
    while not list(key.glob(".staging-*/quarantine.parquet")):
        assert child.poll() is None, "the child ended before it could be killed"
        assert time.monotonic() < deadline, "the child never began to write"
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert [p.name for p in key.iterdir() if not p.name.startswith(".")] == []
    work = work_on("validate", tmp_path / "store", None)
    assert work.find(work.partition_ref("validated")) is None
    killed = done("validate", tmp_path / "store")
    assert [p.name for p in key.glob(".staging-*")] == []
    unbroken, _ = validated_day(tmp_path / "other", table)
    assert killed["content"] == unbroken["content"]


@pytest.mark.skipif(not HANDBOOK.is_dir(), reason="needs the Handbook's days in ../shared/data")
def test_a_real_day_of_the_handbook_is_good_but_for_its_amounts_above_a_bound(tmp_path):
    done("ingest", tmp_path, HANDBOOK)
    expectation, kwargs = between("tx_amount", 0, 200)
    pipeline = lenient(Rule("amount.small", expectation, kwargs))
    assert done("validate", tmp_path)["rows"] == 9488
    result = done("validate", tmp_path, None, pipeline)
    amounts = pq.read_table(HANDBOOK / f"ds={DAY}", columns=["TX_AMOUNT"])[
        "TX_AMOUNT"
    ].to_numpy()
    above = int((amounts > 200).sum())
    assert above > 0
    assert result["quarantined"] == {"amount.small": above}
    assert result["rows"] == 9488 - above


def test_the_environment_is_left_as_it_was(tmp_path):
    before = dict(os.environ)
    validated_day(tmp_path, transactions(5))
    assert dict(os.environ) == before
