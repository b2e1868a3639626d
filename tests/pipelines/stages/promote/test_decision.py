"""Which version becomes the champion: a table, and properties of every registry and candidate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shared.registry import Registered, Version, opponent_of
from pipelines.stages.promote.decision import Candidate, decide

DAYS = [f"2026-01-0{n}" for n in range(1, 5)]


def version(number, day, **tags):
    return Version(number, "", {"as_of": DAYS[day], "digest": f"d{number}", **tags})


ONE, TWO = version(1, 0), version(2, 1)
ROLLED, KEPT = version(2, 1, rolled_back="true"), version(2, 1, refused_by="ann")


def candidate(digest="new", day=2, verdict="BETTER", met=None, **more):
    return Candidate(digest=digest, as_of=DAYS[day], verdict=verdict, met=met, **more)


@pytest.mark.parametrize(
    ("versions", "champions", "model", "fate", "reason"),
    [
        ((), (), candidate(), "promoted", ""),
        ((), (), candidate(verdict="NOT_BETTER"), "refused", "its verdict is NOT_BETTER"),
        ((ONE,), (1,), candidate(met="d1"), "promoted", ""),
        (
            (ONE,),
            (1,),
            candidate(met="d1", verdict="NOT_BETTER"),
            "refused",
            "its verdict is NOT_BETTER",
        ),
        (
            (ONE,),
            (1,),
            candidate(met="d0", verdict="REJECTED"),
            "refused",
            "its verdict is REJECTED",
        ),
        (
            (ONE,),
            (1,),
            candidate(),
            "superseded",
            "version 1 became the champion after it was evaluated",
        ),
        (
            (ONE,),
            (1,),
            candidate(met="d0", verdict="NOT_BETTER"),
            "superseded",
            "Run evaluate again",
        ),
        (
            (ONE,),
            (),
            candidate(met="d1", verdict="NOT_BETTER"),
            "superseded",
            "is no longer the champion. Run",
        ),
        # There is no champion to compare it with.
        ((ONE,), (), candidate(met="d1"), "promoted", ""),
        (
            (TWO,),
            (2,),
            candidate(day=0),
            "superseded",
            "version 2) is as of 2026-01-02, a later day",
        ),
        ((TWO,), (2,), candidate(day=0, verdict="NOT_BETTER"), "superseded", "a later day"),
        ((TWO,), (2,), candidate(day=0, verdict="REJECTED"), "refused", "REJECTED"),
        ((TWO,), (2,), candidate(day=0, may_be_older=True), "promoted", ""),
        (
            (ONE, TWO),
            (1, 2),
            candidate("d1", 1),
            "superseded",
            "version 2 became the champion after",
        ),
        ((ONE, TWO), (1, 2), candidate("d1", 1, met="d2"), "promoted", ""),
        # It is the champion.
        ((ONE, TWO), (1, 2), candidate("d2", 1, "REJECTED"), "promoted", ""),
        ((ONE, ROLLED), (1,), candidate("d2", 1, met="d1"), "refused", "by hand"),
        # A person is asked, and answers.
        ((), (), candidate(answer="asked"), "waiting", "or to use none"),
        ((ONE,), (1,), candidate(met="d1", answer="asked"), "waiting", "keep version 1"),
        (
            (ONE,),
            (1,),
            candidate(met="d1", answer="promote", answered_by="ann"),
            "promoted",
            "",
        ),
        (
            (ONE,),
            (1,),
            candidate(met="d1", answer="keep", answered_by="ann"),
            "refused",
            "ann answered to keep version 1",
        ),
        ((ONE,), (1,), candidate(met="d1", answer="keep"), "refused", "a person answered"),
        # No answer makes a model better, or younger.
        ((ONE,), (1,), candidate(answer="promote"), "superseded", "after it was evaluated"),
        (
            (ONE,),
            (1,),
            candidate(met="d1", verdict="NOT_BETTER", answer="promote"),
            "refused",
            "",
        ),
        # Who was against it is not overruled by a run that asks nobody.
        ((ONE, KEPT), (1,), candidate("d2", 1, met="d1"), "refused", "ann refused it before"),
        ((ONE, KEPT), (1,), candidate("d2", 1, met="d1", answer="asked"), "waiting", "keep"),
        ((ONE, KEPT), (1,), candidate("d2", 1, met="d1", answer="promote"), "promoted", ""),
    ],
)
def test_what_becomes_of_a_model(versions, champions, model, fate, reason):
    held = Registered(versions, champions[-1] if champions else None, champions)
    found = decide(held, model)
    assert (found.fate, found.why == "") == (fate, fate == "promoted")
    assert reason in found.why


@given(
    days=st.lists(st.integers(0, 3), min_size=1, max_size=4),
    turns=st.lists(st.integers(0, 3), max_size=6),
    own=st.integers(0, 4),
    day=st.integers(0, 3),
    verdict=st.sampled_from(["BETTER", "NOT_BETTER", "REJECTED"]),
    met=st.sampled_from([None, "d0", "d1", "d2", "d3"]),
)
def test_a_version_that_replaces_a_champion_was_compared_with_it_or_is_explicitly_allowed(
    days, turns, own, day, verdict, met
):
    versions = tuple(version(n, day) for n, day in enumerate(days))
    champions = tuple(turn for turn in turns if turn < len(days))
    held = Registered(versions, champions[-1] if champions else None, champions)
    day = days[own] if own < len(days) else day
    model = candidate(f"d{own}", day, verdict, met)
    champion = held.current()
    if (
        decide(held, model).fate != "promoted"
        or champion is None
        or champion.digest == model.digest
    ):
        return
    assert verdict == "BETTER"
    assert champion.digest == met
    assert opponent_of(held, model.digest, model.as_of) == champion
