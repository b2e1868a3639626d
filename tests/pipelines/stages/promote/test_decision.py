"""Which version becomes the champion: a table, and properties of every registry and candidate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shared.registry import Registered, Version, opponent_of
from pipelines.stages.promote.decision import Candidate, why_not

DAYS = [f"2026-01-0{n}" for n in range(1, 5)]


def version(number, day, **tags):
    return Version(number, "", {"as_of": DAYS[day], "digest": f"d{number}", **tags})


ONE, TWO = version(1, 0), version(2, 1)


def candidate(digest="new", day=2, recommended="BETTER", met=None, **more):
    return Candidate(digest=digest, as_of=DAYS[day], recommended=recommended, met=met, **more)


@pytest.mark.parametrize(
    ("versions", "champions", "model", "reason"),
    [
        ((), (), candidate(), ""),
        ((), (), candidate(recommended="NOT_BETTER"), "its verdict is NOT_BETTER"),
        ((ONE,), (1,), candidate(met="d1"), ""),
        (
            (ONE,),
            (1,),
            candidate(met="d1", recommended="NOT_BETTER"),
            "its verdict is NOT_BETTER",
        ),
        ((ONE,), (1,), candidate(met="d0", recommended="REJECTED"), "its verdict is REJECTED"),
        ((ONE,), (1,), candidate(), "version 1 became the champion after it was evaluated"),
        ((ONE,), (1,), candidate(met="d0", recommended="NOT_BETTER"), "Run evaluate again"),
        (
            (ONE,),
            (),
            candidate(met="d1", recommended="NOT_BETTER"),
            "is no longer the champion. Run",
        ),
        ((ONE,), (), candidate(met="d1"), ""),  # there is no champion to compare it with
        ((TWO,), (2,), candidate(day=0), "version 2) is as of 2026-01-02, a later day"),
        ((TWO,), (2,), candidate(day=0, may_be_older=True), ""),
        ((ONE, TWO), (1, 2), candidate("d1", 1), "version 2 became the champion after"),
        ((ONE, TWO), (1, 2), candidate("d1", 1, met="d2"), ""),
        ((ONE, TWO), (1, 2), candidate("d2", 1, "REJECTED"), ""),  # it is the champion
        (
            (ONE, version(2, 1, rolled_back="true")),
            (1,),
            candidate("d2", 1, met="d1"),
            "by hand",
        ),
    ],
)
def test_which_version_becomes_the_champion(versions, champions, model, reason):
    held = Registered(versions, champions[-1] if champions else None, champions)
    found = why_not(held, model)
    assert (reason in found) if reason else (found == "")


@given(
    days=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    turns=st.lists(st.integers(0, 3), max_size=6),
    own=st.integers(0, 4),
    day=st.integers(0, 3),
    recommended=st.sampled_from(["BETTER", "NOT_BETTER", "REJECTED"]),
    met=st.sampled_from([None, "d0", "d1", "d2", "d3"]),
)
def test_a_version_that_replaces_a_champion_was_compared_with_it_or_is_explicitly_allowed(
    days, turns, own, day, recommended, met
):
    versions = tuple(version(n, day) for n, day in enumerate(days))
    champions = tuple(turn for turn in turns if turn < len(days))
    held = Registered(versions, champions[-1] if champions else None, champions)
    day = days[own] if own < len(days) else day
    model = candidate(f"d{own}", day, recommended, met)
    champion = held.current()
    if why_not(held, model) or champion is None or champion.digest == model.digest:
        return
    assert recommended == "BETTER"
    assert champion.digest == met
    assert opponent_of(held, model.digest, model.as_of) == champion
