"""The part of a report that lays days beside others: a table where there is something to list."""

import pytest
from jinja2 import Environment, PackageLoader

ODD = {"level": "warn", "what": "rows", "column": "", "size": 0.5, "deviations": 9.0}
ODD |= {"seen": "10", "usual": "100"}
USUAL = ODD | {"level": ""}


def day(difference, others):
    return {"day": "2026-01-09", "differences": [difference], "days": list(range(others))}


@pytest.mark.parametrize(
    ("beside", "rows", "said"),
    [
        ([day(USUAL, 7), day(USUAL, 7)], 0, "each with 7 others. Nothing is beyond a limit."),
        (
            [day(USUAL, 6), day(ODD, 7)],
            1,
            "each with 6 to 7 others. Comparisons beyond a limit are listed.",
        ),
        ([day(USUAL, 7)], 1, "1 day compared, each with 7 others. Every comparison is listed."),
    ],
)
def test_the_page_lists_what_there_is_and_says_so(beside, rows, said):
    pages = Environment(
        loader=PackageLoader("pipelines.shared.expectations", "."), autoescape=True
    )
    page = pages.get_template("other_days.html.j2").render(beside=beside)
    assert page.count("<td>2026-01-09") == rows
    assert page.count("<table") == (1 if rows else 0)
    assert said in " ".join(page.split())
