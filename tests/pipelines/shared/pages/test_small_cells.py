"""Counts of people on pages."""

import pytest

from pipelines.shared.pages.small_cells import is_small, shown_count


@pytest.mark.parametrize(
    ("people", "shown"), [(0, "0"), (1, "<5"), (4, "<5"), (5, "5"), (12_345, "12,345")]
)
def test_a_count_of_few_people_is_not_shown(people, shown):
    assert shown_count(people) == shown
    assert is_small(people) == shown.startswith("<")
