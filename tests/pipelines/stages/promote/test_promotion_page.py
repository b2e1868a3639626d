"""The page of a promotion: each fate in people's words, why, and what can be done."""

import pytest

from pipelines.stages.promote.page import promotion_page

FACTS = {
    "pipeline": "fraud",
    "verdict": "BETTER",
    "version": 5,
    "champion": 3,
    "before": 3,
    "as_of": "2026-02-01",
    "title": "Card <fraud>",
}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"fate": "promoted", "champion": 5, "reason": "version 5 is the champion"},
            [
                "promoted: version 5 is the champion",
                "models fraud --rollback --why TEXT, makes version 3",
            ],
        ),
        (
            {
                "fate": "waiting",
                "reason": "version 5 is registered and waits: a person is asked",
            },
            [
                "waiting: version 5 waits for an answer",
                "Answer in Airflow",
                "models fraud --promote 5 --why TEXT",
            ],
        ),
        (
            {"fate": "superseded", "reason": "the champion is as of 2026-03-01, a later day"},
            ["superseded: version 5 was not promoted", "Nothing needs to be done"],
        ),
        (
            {"fate": "refused", "reason": "ann answered to keep it", "decided_by": "ann & bob"},
            ["refused: version 5 was not promoted", "answered by", "ann &amp; bob"],
        ),
        ({"fate": "promoted", "champion": 5, "before": None, "reason": "x"}, [">none<"]),
    ],
)
def test_the_page_says_what_happened_why_and_what_can_be_done(more, says):
    page = promotion_page(FACTS | more)
    for text in [*says, "Card &lt;fraud&gt;", "2026-02-01", ">BETTER<"]:
        assert text in page
    assert ("--rollback" in page) == (more["fate"] == "promoted" and "before" not in more)
