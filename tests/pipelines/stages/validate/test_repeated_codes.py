"""Codes of a long-form table that repeat another's values."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import Column, Entity, Measurements, Validation, load, require_valid
from pipelines.stages.validate.repeated_codes import RepeatedCode, described, repeated_codes
from tests.pipelines.shared.tables.made import DAY, done, published, write_source

DECLARED = Measurements(code="test", value="reading", by=("customer_id", "tx_datetime"))


def readings(rng, *, copies=(), patients=200, tests=("alt", "hdl", "sbp")):
    """Rows by patient and test; ``copies`` are ``(test, copied from, share that is copied)``."""
    by_test = {test: rng.normal(50, 10, patients).round(1) for test in tests}
    for test, copied, share in copies:
        is_copied = np.arange(patients) < share * patients
        by_test[test] = np.where(is_copied, by_test[copied], rng.normal(50, 10, patients))
    tests = list(by_test)
    return pa.table(
        {
            "customer_id": np.tile(np.arange(patients), len(tests)),
            "tx_datetime": np.full(patients * len(tests), np.datetime64(DAY, "us")),
            "test": np.repeat(tests, patients),
            "reading": np.concatenate([by_test[test] for test in tests]),
        }
    )


def pairs_in(tmp_path, table, declared=DECLARED):
    order = np.random.default_rng(1).permutation(table.num_rows)
    pq.write_table(table.take(pa.array(order)), tmp_path / "part.parquet", row_group_size=97)
    found = repeated_codes(tmp_path / "part.parquet", declared)
    return [(each.code, each.other) for each in found]


@pytest.mark.parametrize(
    ("copies", "pairs"),
    [
        ((), []),
        ((("chol", "hdl", 1.0),), [("chol", "hdl")]),
        ((("chol", "hdl", 0.997),), [("chol", "hdl")]),
        ((("chol", "hdl", 0.9),), []),
        ((("chol", "hdl", 1.0), ("dbp", "sbp", 1.0)), [("chol", "hdl"), ("dbp", "sbp")]),
        ((("b", "alt", 1.0), ("c", "alt", 1.0)), [("alt", "b"), ("alt", "c"), ("b", "c")]),
    ],
)
def test_pairs_of_codes_with_the_same_values_are_found(tmp_path, copies, pairs):
    rng = np.random.default_rng(3)
    assert pairs_in(tmp_path, readings(rng, copies=copies, patients=1000)) == pairs


def test_flags_that_agree_and_codes_that_are_rarely_together_are_left_alone(tmp_path):
    rng = np.random.default_rng(4)
    few = readings(rng, copies=(("chol", "hdl", 1.0),), patients=20)
    flags = readings(rng, tests=("smoke", "male"))
    flags = flags.set_column(3, "reading", pa.array(np.ones(flags.num_rows)))
    assert pairs_in(tmp_path, few) == []
    assert pairs_in(tmp_path, flags) == []


def test_a_partition_without_rows_has_no_pairs(tmp_path):
    table = readings(np.random.default_rng(2)).slice(0, 0)
    assert pairs_in(tmp_path, table) == []


def test_a_sample_of_whole_keys_finds_the_same_pairs(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.stages.validate.repeated_codes.SAMPLE_ROWS", 500)
    table = readings(np.random.default_rng(5), copies=(("chol", "hdl", 1.0),), patients=2000)
    assert pairs_in(tmp_path, table) == [("chol", "hdl")]


def long_form(**gate):
    """Card fraud's table with a test and a reading."""
    fraud = load("fraud_detection")
    columns = (*fraud.table.columns, Column("test", "text"), Column("reading", "number"))
    table = replace(fraud.table, columns=columns)
    declared = replace(DECLARED, trusted=("hdl",))
    validation = Validation(**{"measurements": declared, "budgets": ()} | gate)
    return replace(fraud, tables=(table,), validation=validation)


@pytest.mark.parametrize(("copies", "kept"), [((), 600), ((("chol", "hdl", 1.0),), 600)])
def test_the_copy_is_quarantined_by_name_and_what_is_trusted_stays(tmp_path, copies, kept):
    rows = readings(np.random.default_rng(6), copies=copies)
    ids = pa.array(np.arange(rows.num_rows))
    rows = rows.append_column("transaction_id", ids).append_column("terminal_id", ids)
    rows = rows.append_column("tx_amount", pa.array(np.ones(rows.num_rows)))
    rows = rows.append_column("tx_fraud", pa.array(np.zeros(rows.num_rows, np.int64)))
    write_source(tmp_path / "source", rows)
    pipeline = long_form(max_quarantined_share=0.5)
    done("ingest", tmp_path / "store", tmp_path / "source", pipeline)
    result = done("validate", tmp_path / "store", None, pipeline)
    assert result["quarantined"] == ({"test.repeated": 200} if copies else {})
    good = pq.read_table(published(tmp_path / "store", "validated") / "part-0.parquet")
    assert good.num_rows == kept
    assert set(good["test"].to_pylist()) == {"alt", "hdl", "sbp"}


def test_the_pair_is_named_with_what_was_compared():
    said = described([RepeatedCode("chol", "hdl", 199, 200)], DECLARED)
    assert said.startswith(
        "reading is the same for chol and hdl (199 of 200 values that were compared)"
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(DECLARED, code="tests"), "column 'tests'.*Did you mean 'test'"),
        (replace(DECLARED, value="test"), "'test' is of type 'text'. Expected a number"),
        (replace(DECLARED, by=()), "by must have columns"),
        (replace(DECLARED, by=("customer",)), "column 'customer'"),
        (replace(DECLARED, trusted=(7,)), "7 cannot occur in column 'test'"),
    ],
)
def test_mistakes_in_measurements_are_named(wrong, said):
    with pytest.raises(DeclarationError, match=f"(?s){said}"):
        require_valid(long_form(measurements=wrong))


def test_a_table_beside_the_examples_may_be_long_form():
    pipeline = long_form()
    assert require_valid(
        replace(pipeline, entities=(Entity("customer", "customer_id"), pipeline.entities[1]))
    )
