"""The fate of each version follows from the registry, whoever changed it and where a writer was killed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shared.registry import Registered, Version
from pipelines.shared.registry.fates import fate_of, fates_to_note

FATES = ["promoted", "waiting", "refused", "superseded"]


def version(number, **tags):
    return Version(number, "", tags)


@pytest.mark.parametrize(
    ("tags", "champions", "fate"),
    [
        ({"fate": "waiting"}, (), "waiting"),
        ({"fate": "waiting"}, (1,), "promoted"),  # by hand, before the answer
        ({"fate": "promoted"}, (1, 2), "superseded"),  # another one followed
        ({"fate": "refused"}, (1,), "promoted"),  # by hand, against its verdict
        ({"fate": "promoted", "rolled_back": "true"}, (2,), "refused"),
        ({"fate": "promoted"}, (), ""),  # a kill before the alias moved
        ({}, (), ""),  # registered by an earlier version of Millrace, or another program
        ({"fate": "superseded"}, (2,), "superseded"),
    ],
)
def test_what_happened_to_a_version(tags, champions, fate):
    own, other = version(1, **tags), version(2, fate="promoted")
    held = Registered((own, other), champions[-1] if champions else None, champions)
    assert fate_of(held, own) == fate


@given(
    st.lists(st.tuples(st.sampled_from(["", *FATES]), st.booleans()), min_size=1, max_size=5),
    st.lists(st.integers(0, 4), max_size=6),
)
def test_exactly_the_champion_is_promoted_and_once_noted_nothing_is_left_to_note(found, turns):
    versions = tuple(
        version(n, fate=fate, **({"rolled_back": "true"} if rolled else {}))
        for n, (fate, rolled) in enumerate(found)
    )
    champions = tuple(turn for turn in turns if turn < len(versions))
    held = Registered(versions, champions[-1] if champions else None, champions)
    promoted = [v.number for v in versions if fate_of(held, v) == "promoted"]
    assert promoted == ([] if held.champion is None else [held.champion])
    to_note = fates_to_note(held)
    noted = tuple(
        version(v.number, **(v.tags | {"fate": to_note.get(v.number, v.tags["fate"])}))
        for v in versions
    )
    assert fates_to_note(Registered(noted, held.champion, champions)) == {}
