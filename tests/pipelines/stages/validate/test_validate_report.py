"""The report of a day, for programs and for people."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from pipelines.spec import load
from tests.pipelines.shared.tables.made import (
    done,
    published,
    transactions,
    with_column,
    write_source,
)


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A day on which 30 amounts are negative, customer 123456 is <b>, one id is there twice."""
    folder = tmp_path_factory.mktemp("reported")
    table = transactions(400)
    amounts = np.where(np.arange(400) < 30, -1.5, table["TX_AMOUNT"].to_numpy())
    customers = np.where(np.arange(400) == 5, -123456, table["CUSTOMER_ID"].to_numpy())
    table = with_column(table, "TX_AMOUNT", pa.array(amounts))
    write_source(folder / "source", with_column(table, "CUSTOMER_ID", pa.array(customers)))
    pipeline = load("fraud_detection")
    validation = replace(pipeline.validation, max_quarantined_share=0.5)
    pipeline = replace(pipeline, validation=validation, title="Cards <b>")
    done("ingest", folder / "store", folder / "source", pipeline)
    done("validate", folder / "store", None, pipeline)
    return published(folder / "store", "validated")


def test_the_json_says_of_every_rule_what_it_looked_at_and_found(reported):
    report = json.loads((reported / "report.json").read_text())
    assert (report["rows_in"], report["rows_good"], report["rows_quarantined"]) == (
        400,
        370,
        30,
    )
    rules = {rule["rule"]: rule for rule in report["rules"]}
    amounts = rules["tx_amount.range"]
    assert amounts["kwargs"] == {"column": "tx_amount", "min_value": 0, "max_value": 1_000_000}
    assert (amounts["rows_checked"], amounts["rows_failing"]) == (400, 30)
    assert amounts["first"] == [{"row": row, "value": "-1.5"} for row in range(20)]
    assert rules["table.min_rows"]["observed"] == 400
    assert rules["customer_id.range"]["first"] == [{"row": 5, "value": "•••"}]


def test_the_page_loads_nothing_and_escapes_what_it_shows(reported):
    page = (reported / "report.html").read_text()
    loads = re.findall(r"src\s*=|href\s*=\s*\"[^#]|url\(|@import|https?:|<script|<link", page)
    assert loads == []
    assert "Cards &lt;b&gt;" in page
    assert "30\n  failing rows, the first 20" in page


def test_the_page_masks_the_entities_and_shows_the_amounts(reported):
    page = (reported / "report.html").read_text()
    assert "123456" not in page
    assert "•••" in page
    assert "-1.5" in page
