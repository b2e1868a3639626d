"""The Data Docs page: what it loads, what it shows and what it hides; suites and budgets."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import ConfigError, PartitionRefusedError
from pipelines.core.store import Store
from pipelines.gx_dask import gx
from pipelines.shared.expectations.data_docs.page import Heading, data_docs_page
from pipelines.shared.expectations.quarantined import lines_of, quarantined_days
from pipelines.shared.expectations.rules import rules_of
from pipelines.spec import load
from tests.pipelines.shared.tables.made import (
    DAY,
    done,
    published,
    transactions,
    with_column,
    write_source,
)

FRAUD = load("fraud_detection")
FOREIGN = re.compile(
    r"""(?:src|href|action|data|srcset|poster)\s*=\s*["']?(?!#)[^"'\s>]|url\(|@import|<script|//\w"""
)


def gated(**changed):
    changed = {"max_quarantined_share": 0.5, **changed}
    return replace(FRAUD, validation=replace(FRAUD.validation, **changed))


def validated(folder, pipeline, negative=30):
    """A day of 400 rows of which some amounts and one customer are wrong."""
    table = transactions(400)
    amounts = np.where(np.arange(400) < negative, -1.5, table["TX_AMOUNT"].to_numpy())
    customers = np.where(np.arange(400) == 5, -987654, table["CUSTOMER_ID"].to_numpy())
    table = with_column(table, "TX_AMOUNT", pa.array(amounts))
    write_source(folder / "source", with_column(table, "CUSTOMER_ID", pa.array(customers)))
    done("ingest", folder / "store", folder / "source", pipeline)
    return done("validate", folder / "store", None, pipeline)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    validated(folder, gated())
    return folder / "store"


def test_the_page_loads_nothing_runs_nothing_and_leads_nowhere(store):
    page = (published(store, "validated") / "data_docs.html").read_text()
    assert FOREIGN.findall(page) == []
    assert len(page) < 100_000


def test_the_page_is_great_expectations_own_with_the_rule_beside_each(store):
    page = (published(store, "validated") / "data_docs.html").read_text()
    assert "Unsuccessful Expectations" in page
    assert "30 unexpected values found" in page
    for rule in rules_of(FRAUD, DAY):
        assert rule.name in page


def test_no_page_and_no_report_shows_a_card_and_the_quarantine_holds_it(store):
    folder = published(store, "validated")
    for name in ("data_docs.html", "report.html", "report.json"):
        text = (folder / name).read_text()
        assert "987654" not in text
        assert "•••" in text
    lines = pq.read_table(folder / "quarantine.parquet").to_pylist()
    assert -987654 in [line["customer_id"] for line in lines]
    shown = lines_of(quarantined_days(Store(str(store)), FRAUD.name), FRAUD, None, 99)
    assert len(shown) == len(lines) == 31
    assert "987654" not in str(shown)


def test_a_declaration_may_show_all_or_hide_more(tmp_path):
    open_page = validated(tmp_path / "a", gated(mask=False))
    assert open_page["rows"] == 370
    assert (
        "-987654" in (published(tmp_path / "a/store", "validated") / "report.json").read_text()
    )
    columns = tuple(
        replace(c, sensitive=True) if c.name == "tx_amount" else c for c in FRAUD.table.columns
    )
    hidden = replace(gated(), tables=(replace(FRAUD.table, columns=columns),))
    validated(tmp_path / "b", hidden)
    text = (published(tmp_path / "b/store", "validated") / "data_docs.html").read_text()
    assert "-1.5" not in text


def test_a_value_that_is_markup_is_shown_and_not_obeyed():
    result = {
        "success": False,
        "expectation_config": {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "city", "value_set": ["Berlin"]},
            "meta": {"rule": "city.<values>"},
            "severity": "warning",
        },
        "result": {
            "element_count": 2,
            "unexpected_count": 1,
            "unexpected_percent": 50.0,
            "missing_count": 0,
            "partial_unexpected_list": ["<img src=x>"],
            "partial_unexpected_counts": [{"value": "<img src=x>", "count": 1}],
        },
        "meta": {},
        "exception_info": {"raised_exception": False},
    }
    heading = Heading(title="<b>", asset="a", verdict="accepted", reason="", run="r")
    page = data_docs_page([result], "declared", heading)
    assert "<img" not in page
    assert "&lt;img src=x&gt;" in page
    assert "city.&lt;values&gt;" in page
    assert page == data_docs_page([result], "declared", heading)


def test_quarantine_lines_name_a_run_that_is_the_same_again(store, tmp_path):
    validated(tmp_path, gated())
    tables = [
        pq.read_table(published(root, "validated") / "quarantine.parquet")
        for root in (store, tmp_path / "store")
    ]
    assert tables[0].equals(tables[1])
    (run,) = set(tables[0]["_run"].to_pylist())
    assert re.fullmatch(r"run-[0-9a-f]{16}", run)


def test_a_rule_above_its_own_budget_refuses_the_day(tmp_path):
    with pytest.raises(
        PartitionRefusedError,
        match=r"tx_amount.range: 30 of 400 rows \(7.50%\) fail, more than its budget of 7.00%",
    ):
        validated(tmp_path, gated(budgets=(("tx_amount.range", 0.07),)))
    assert validated(tmp_path, gated(budgets=(("tx_amount.range", 0.08),)))["rows"] == 370


def test_a_budget_for_no_rule_is_a_mistake():
    with pytest.raises(ConfigError, match=r"'tx_amount.rang'.*Did you mean 'tx_amount.range'"):
        rules_of(gated(budgets=(("tx_amount.rang", 0.1),)), DAY)


def test_a_suite_that_great_expectations_saved_validates_the_day_untouched(tmp_path):
    great = gx.load()
    context = great.get_context(mode="file", project_root_dir=tmp_path / "gx")
    expect = great.expectations
    between = expect.ExpectColumnValuesToBeBetween(
        column="tx_amount", max_value=50, severity="warning"
    )
    usual = expect.ExpectColumnMeanToBeBetween(column="tx_amount", max_value=1, severity="info")
    context.suites.add(great.ExpectationSuite(name="shop", expectations=[between, usual]))
    (saved,) = (tmp_path / "gx").rglob("shop.json")
    pipeline = gated(max_quarantined_share=1.0, suites=(str(saved),))
    result = validated(tmp_path, pipeline)
    amounts = transactions(400)["TX_AMOUNT"].to_numpy()[30:]
    above = "shop.column_values_to_be_between.tx_amount"
    assert result["quarantined"][above] == np.count_nonzero(amounts > 50)
    report = json.loads(
        (published(tmp_path / "store", "validated") / "report.json").read_text()
    )
    mean = report["rules"][-1]
    assert (mean["rule"], mean["result"]) == (
        "shop.column_mean_to_be_between.tx_amount",
        "noted",
    )


def test_a_suite_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.json is not a saved suite"):
        rules_of(gated(suites=(str(tmp_path / "nowhere.json"),)), DAY)
