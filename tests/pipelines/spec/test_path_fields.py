"""Fields of a source's path: what each grain has, needs, and gets."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.partitions import ALL, EXAMPLES, GRAINS, Partitions
from pipelines.spec import Source
from pipelines.spec.path_fields import ENOUGH, FIELDS, KNOWN, filled, path_problems

GOOD = [
    ("hour", "{day}/{hour}.csv", "2026-01-31/05.csv"),
    ("hour", "{year}{month}{dayofmonth}{hour}*.csv", "2026013105*.csv"),
    ("day", "ds={day}/*.parquet", "ds=2026-01-31/*.parquet"),
    ("day", "{year}/Q{quarter}/{month}/{dayofmonth}.csv", "2026/Q1/01/31.csv"),
    ("week", "{year}-W{week}.csv", "2026-W05.csv"),
    ("month", "labs-{year}-{month}.csv", "labs-2026-01.csv"),
    ("quarter", "{year}Q{quarter}.xlsx", "2026Q1.xlsx"),
    ("year", "{year}/*.orc", "2026/*.orc"),
    ("year", "all-years/*.orc", "all-years/*.orc"),
    (ALL, "patients.csv", "patients.csv"),
    ("day", "{{x}}-{day}.csv", "{x}-2026-01-31.csv"),
]
BAD = [
    (
        "month",
        "{day}/*.csv",
        r"\{day\}, which a partition of grain 'month' has not. Use \{year\}",
    ),
    ("week", "{year}/{month}.csv", r"\{month\}, which a partition of grain 'week' has not"),
    ("day", "{year}/{week}.csv", r"\{week\}, which a partition of grain 'day' has not"),
    ("day", "{day}/{hour}.csv", r"\{hour\}, which .* 'day' has not"),
    ("day", "{year}/{month}.csv", r"grain 'day', which need \{day\} or \{year\}, \{month\}"),
    ("day", "{month}/{dayofmonth}.csv", r"several partitions of grain 'day'"),
    ("hour", "ds={day}/*.parquet", r"which need \{day\}, \{hour\} or"),
    ("hour", "{hour}.csv", "several partitions of grain 'hour'"),
    ("week", "W{week}.csv", r"which need \{year\}, \{week\}"),
    ("quarter", "Q{quarter}.csv", r"which need \{year\}, \{quarter\}"),
    ("month", "{month}.csv", r"which need \{year\}, \{month\}\. Add the missing fields"),
    (ALL, "ds={day}.csv", r"\{day\}, and a table without event_time is one partition"),
    ("day", "{date}.csv", r"field \{date\} is not known. (Did|Known)"),
    ("day", "{dy}.csv", r"Did you mean 'day'"),
    ("day", "{day.csv", "cannot be formatted"),
    ("day", "{}.csv", "cannot be formatted"),
    ("day", "{day[0]}.csv", "cannot be formatted"),
    ("day", "{day:%}", "cannot be formatted"),
    ("day", "", "must be a text"),
    ("day", None, "must be a text"),
    ("day", 5, "must be a text"),
]


@pytest.mark.parametrize(("grain", "path", "wanted"), GOOD)
def test_a_path_is_filled_in_for_a_partition(grain, path, wanted):
    assert list(path_problems(path, grain, "source")) == []
    assert filled(path, Partitions(grain), EXAMPLES[grain]) == wanted


@pytest.mark.parametrize(("grain", "path", "message"), BAD)
def test_a_path_that_does_not_fit_the_grain_is_a_mistake(grain, path, message):
    with pytest.raises(ValueError, match=message):
        raise ValueError(" ".join(path_problems(path, grain, "source")))


def test_a_path_with_no_field_is_for_all_time_whatever_its_braces():
    for path, wanted in (("{day}.csv", True), ("all.csv", False), ("{{all}}.csv", False)):
        assert Source(path=path).is_by_partition == wanted


def test_weeks_have_the_year_of_their_numbers():
    assert filled("{year}-W{week}", Partitions("week"), "2026-W53") == "2026-W53"
    assert filled("{year}-W{week}", Partitions("week"), "2025-W01") == "2025-W01"


@given(
    st.sampled_from(GRAINS),
    st.lists(st.sampled_from(KNOWN), min_size=1, max_size=4, unique=True),
    st.integers(1, 400),
)
def test_a_path_without_mistakes_names_other_files_for_each_partition(grain, names, later):
    path = "-".join(f"{{{name}}}" for name in names) + "/*.csv"
    fits = set(names) <= set(FIELDS[grain]) and any(set(e) <= set(names) for e in ENOUGH[grain])
    assert (list(path_problems(path, grain, "source")) == []) == fits
    if fits:
        partitions = Partitions(grain, "Europe/Berlin")
        first = EXAMPLES[grain]
        other = filled(path, partitions, partitions.shift(first, later))
        assert not fnmatchcase(other.replace("*", "x"), filled(path, partitions, first))
