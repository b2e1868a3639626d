import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.shared.tables.schema import table_schema, write_table
from pipelines.spec import load
from tests.pipelines.shared.tables.made import canonical


def test_the_schema_is_the_declared_order_then_the_position_in_the_source():
    schema = table_schema(load("fraud_detection").table)
    assert schema.names[-1] == "_row"
    assert schema.field("tx_datetime").type == pa.timestamp("us")
    assert schema.field("tx_fraud").type == pa.int64()
    assert schema.field("tx_amount").type == pa.float64()


def test_the_same_table_gives_the_same_bytes_and_comes_back_equal(tmp_path):
    table = canonical(1000)
    for name in ("a", "b"):
        write_table(table, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.read_table(tmp_path / "a").equals(table)


def test_planning_ingest_and_validate_imports_nothing_heavy():
    probe = (
        "import sys, pipelines.stages.ingest.stage, pipelines.stages.validate.stage\n"
        "heavy = {'pyarrow', 'pandas', 'numpy', 'great_expectations', 'jinja2', 'fsspec'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
