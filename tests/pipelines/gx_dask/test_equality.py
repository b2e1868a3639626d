"""Both engines, every expectation, whole results."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.pipelines.gx_dask import tables
from tests.pipelines.gx_dask.catalogue import (
    CATALOGUE,
    RAISING,
    WITHOUT_PANDAS,
)
from tests.pipelines.gx_dask.same import Ours, Stock, differences, suite_of

EVERY = [(name, kwargs) for name, each in CATALOGUE.items() for kwargs in each]
ONE_EACH = [(name, each[0]) for name, each in CATALOGUE.items()]
# Cheap formats first, under one batch: an answer kept for one must not be given to another.
FORMATS: list[Any] = ["BOOLEAN_ONLY", "BASIC", "SUMMARY", "COMPLETE"]
OF_EACH_SHAPE = {
    "expect_column_pair_values_to_be_equal",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_unique",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_not_be_null",
    "expect_compound_columns_to_be_unique",
}
OPTIONS: list[Any] = [
    {"result_format": "BASIC", "return_unexpected_index_query": True},
    {
        "result_format": "SUMMARY",
        "exclude_unexpected_values": True,
        "unexpected_index_column_names": ["id"],
    },
    {"result_format": "BASIC", "include_unexpected_rows": True},
    {"result_format": "SUMMARY", "partial_unexpected_count": 3},
    {"result_format": "COMPLETE", "unexpected_index_column_names": ["id", "s"]},
]


class Summary:
    """What was compared, printed at the end of the module's tests."""

    compared = 0
    names: ClassVar[set[str]] = set()
    gathered: ClassVar[set[str]] = set()


@pytest.fixture(scope="module", autouse=True)
def _print_summary(request: pytest.FixtureRequest) -> Any:
    yield
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    reporter.write_line(
        f"\nEQUALITY: {Summary.compared} results of {len(Summary.names)} expectations compared with "
        f"the stock pandas engine; gathered metrics: {sorted(Summary.gathered) or 'none'}"
    )


def compare(paths: list[str], entries: list, formats: list[Any], **options: Any) -> None:
    """Fail on any difference."""
    stock, ours = Stock(tables.whole_frame(paths)), Ours(paths, **options)
    suite = suite_of(entries)
    for form in formats:
        theirs, mine = stock.validate(suite, form), ours.validate(suite, form)
        found = differences(mine, theirs)
        assert not found, f"{form}: {len(found)} differ\n" + "\n".join(found[:5])
        Summary.compared += len(theirs.results)
    Summary.names |= {name for name, _ in entries}
    Summary.gathered |= ours.gathered


def test_the_catalogue_has_every_expectation_that_great_expectations_ships() -> None:
    every = list_registered_expectation_implementations()
    shipped = {
        name
        for name in every
        if get_expectation_impl(name).__module__.startswith("great_expectations.")
    }
    assert shipped == set(CATALOGUE) | set(WITHOUT_PANDAS)


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_expectation_gives_the_stock_result_in_all_four_formats(
    name: str, tmp_path: Path
) -> None:
    compare(tables.write(tables.TABLES[name](), tmp_path), ONE_EACH, FORMATS)


def test_conditions_mostly_types_and_ties_give_the_stock_results(tmp_path: Path) -> None:
    compare(tables.write(tables.dirty(), tmp_path), EVERY, ["COMPLETE"])


@pytest.mark.parametrize("form", OPTIONS, ids=lambda form: "-".join(map(str, form)))
def test_options_of_the_format_give_the_stock_results(form: Any, tmp_path: Path) -> None:
    shown = [e for e in ONE_EACH if e[0] in OF_EACH_SHAPE]
    compare(tables.write(tables.dirty(), tmp_path), shown, [form])


def test_what_cannot_be_evaluated_has_the_stock_message(tmp_path: Path) -> None:
    compare(tables.write(tables.dirty(30), tmp_path), RAISING, ["SUMMARY"])


def test_what_has_no_provider_for_pandas_has_none_here_either(tmp_path: Path) -> None:
    without = list(WITHOUT_PANDAS.items())
    compare(tables.write(tables.clean(5), tmp_path), without, ["SUMMARY"])


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking a failure takes minutes; the slow test does it
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(table=st.deferred(tables.made), files=st.integers(1, 4))
def test_made_tables_give_the_stock_results(
    tmp_path_factory: pytest.TempPathFactory, table: Any, files: int
) -> None:
    folder = tmp_path_factory.mktemp("made")
    compare(tables.write(table, folder, files=files, group_rows=5), ONE_EACH, ["COMPLETE"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", tables.TABLES)
def test_every_variant_gives_the_stock_result_in_every_format(
    name: str, tmp_path: Path
) -> None:
    paths = tables.write(tables.TABLES[name](), tmp_path)
    compare(paths, [*EVERY, *RAISING], [*FORMATS, *OPTIONS])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(table=st.deferred(tables.made), files=st.integers(1, 4))
def test_made_tables_give_the_stock_results_in_every_variant(
    tmp_path_factory: pytest.TempPathFactory, table: Any, files: int
) -> None:
    folder = tmp_path_factory.mktemp("made")
    compare(tables.write(table, folder, files=files, group_rows=5), EVERY, ["COMPLETE"])
