"""The page of a cohort: who is in the model's data, and who is not.

Promise: rendered from ``cohort.json`` alone; it loads nothing, and counts of fewer than five rows or entities are
    not shown.
"""

import json
from pathlib import Path

from pipelines.shared.expectations.report import environment
from pipelines.shared.tables.cohort_names import SUMMARY

FEWEST = 5


def cohort_page(folder: Path) -> str:
    """The page, from the published counts."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    template = environment(Path(__file__).parent).get_template("cohort.html.j2")
    return template.render(summary=summary, count=shown_count, share=shown_share)


def shown_count(number: int | None) -> str:
    """A count as it is shown: a few people could be recognised."""
    if number is None:
        return ""
    return f"<{FEWEST}" if 0 < number < FEWEST else f"{number:,}"


def shown_share(share: float, events: int) -> str:
    """A share of rows; not shown where few of them have the event, as it would show how many."""
    return f"<{FEWEST} events" if 0 < events < FEWEST else f"{share:.2%}"
