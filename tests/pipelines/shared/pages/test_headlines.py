"""The words for people: a verdict says nothing of what will happen, and no two facts read alike."""

import pytest

from pipelines.shared.pages.headlines import FATES, fate_headline, verdict_headline

VERDICTS = ("BETTER", "NOT_BETTER", "REJECTED")


@pytest.mark.parametrize("met", [True, False])
def test_a_verdict_says_how_good_a_model_is_and_not_what_happens_to_it(met):
    words = [verdict_headline(verdict, met=met) for verdict in VERDICTS]
    assert len(set(words)) == len(words)
    for text in words:
        assert not [
            word for word in ("promot", "wait", "refused", "superseded") if word in text
        ]


def test_a_model_that_met_nobody_is_not_said_to_be_better_than_somebody():
    assert verdict_headline("BETTER", met=False).endswith(
        "there is no champion to compare with"
    )
    assert "replace" not in verdict_headline("NOT_BETTER", met=False)


def test_each_fate_is_a_sentence_about_the_version():
    said = {fate_headline(fate, 5) for fate in FATES}
    assert len(said) == len(FATES) == 4
    assert all(text.startswith("version 5 ") for text in said)
