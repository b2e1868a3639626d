"""The trail of the champion's changes: what happened, from which day on, and what a kill leaves."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shared.registry import Version, champion_on
from pipelines.shared.registry.changes import Change, recorded_changes
from pipelines.shared.registry.state import registered_from

DAYS = [f"2026-01-0{n}" for n in range(1, 10)]


def version(number, as_of=None):
    return Version(number, "", {"as_of": as_of or DAYS[number - 1], "digest": f"d{number}"})


VERSIONS = tuple(version(n) for n in range(1, 6))


def change(number, was, became, day, how="promoted"):
    return Change(number=number, version=became, was=was, from_day=DAYS[day - 1], how=how)


def held(champion, *changes, **tags):
    recorded = {each.key: each.to_json() for each in changes}
    return registered_from(VERSIONS, champion, recorded | tags)


def champions_of(registered):
    """The number of the champion that each day is scored with, 0 for none."""
    found = (champion_on(registered, day) for day in DAYS)
    return [each.number if each else 0 for each in found]


FIRST, SECOND = change(1, None, 1, 1), change(2, 1, 2, 4)


@pytest.mark.parametrize(
    ("registered", "champions", "scored_with"),
    [
        (held(None), (), [0] * 9),
        (held(1, FIRST), (1,), [1] * 9),
        (held(2, FIRST, SECOND), (1, 2), [1, 1, 1, 2, 2, 2, 2, 2, 2]),
        # rolled back from a day on: the days before keep the champion that they had
        (
            held(1, FIRST, SECOND, change(3, 2, 1, 6, "rolled back")),
            (1,),
            [1, 1, 1, 2, 2, 1, 1, 1, 1],
        ),
        # by hand from an earlier day than the champion's own: it replaces that one
        (
            held(1, FIRST, SECOND, change(3, 2, 1, 2, "by hand")),
            (1, 2, 1),
            [1] * 9,
        ),
        # the same version from another day
        (held(2, FIRST, SECOND, change(3, 2, 2, 6)), (1, 2), [1, 1, 1, 2, 2, 2, 2, 2, 2]),
        # a change that is only in force later
        (held(2, FIRST, change(2, 1, 2, 9)), (1, 2), [1, 1, 1, 1, 1, 1, 1, 1, 2]),
        # killed between its two writes: it did not happen, and what came next counts from there
        (held(1, FIRST, SECOND), (1,), [1] * 9),
        (
            held(3, FIRST, SECOND, change(3, 1, 3, 5)),
            (1, 3),
            [1, 1, 1, 1, 3, 3, 3, 3, 3],
        ),
        # somebody moved the alias in MLflow, then a promotion came
        (held(4, FIRST, SECOND), (1, 2, 4), [1, 1, 1, 4, 4, 4, 4, 4, 4]),
        (
            held(5, FIRST, change(2, 3, 5, 7)),
            (1, 3, 5),
            [1, 1, 3, 3, 3, 3, 5, 5, 5],
        ),
        (held(None, FIRST), (), [0] * 9),  # and took it away
        # written by earlier versions: the history alone, and then changes
        (held(3, champions="1,3"), (1, 3), [1, 1, 3, 3, 3, 3, 3, 3, 3]),
        (
            held(2, change(1, 3, 2, 5), champions="1,3"),
            (1, 3, 2),
            [1, 1, 3, 3, 2, 2, 2, 2, 2],
        ),
        (
            held(1, change(1, 3, 1, 5, "rolled back"), champions="1,3"),
            (1,),
            [1, 1, 3, 3, 1, 1, 1, 1, 1],
        ),
        (held(3, champions="1,3,4"), (1, 3), [1, 1, 3, 3, 3, 3, 3, 3, 3]),
        # an older model that replaced a newer one is not in force before it
        (
            held(1, change(1, None, 3, 3), change(2, 3, 1, 3)),
            (3, 1),
            [0, 0, 1, 1, 1, 1, 1, 1, 1],
        ),
    ],
)
def test_which_champion_each_day_is_scored_with(registered, champions, scored_with):
    assert registered.champions == champions
    assert champions_of(registered) == scored_with


def test_a_version_is_rolled_back_until_it_is_promoted_again():
    back = change(3, 2, 1, 6, "rolled back")
    assert [held(1, FIRST, SECOND, back).is_rolled_back(v) for v in VERSIONS[:2]] == [0, 1]
    again = held(2, FIRST, SECOND, back, change(4, 1, 2, 7, "by hand"))
    assert not again.is_rolled_back(VERSIONS[1])
    killed = held(1, FIRST, SECOND, back, change(4, 1, 2, 7, "by hand"))
    assert killed.is_rolled_back(VERSIONS[1])
    marked = Version(2, "", {"rolled_back": "true"})  # by an earlier version of Millrace
    assert held(1, champions="1").is_rolled_back(marked)
    assert not held(2, change(1, 1, 2, 7), champions="1").is_rolled_back(marked)


@pytest.mark.parametrize(
    "value",
    ["", "1,2", "[]", "3", "null", "{}", '{"version": "2", "was": 1}', '{"version": true}'],
)
def test_a_tag_that_somebody_else_wrote_is_passed_over_and_never_overwritten(value):
    registered = held(1, FIRST, champion_0007=value)
    assert [each.number for each in registered.changes] == [1]
    assert registered.taken == 7


@given(
    st.builds(
        Change,
        number=st.integers(1, 99_999),
        version=st.none() | st.integers(1, 9),
        was=st.none() | st.integers(1, 9),
        from_day=st.sampled_from(["", *DAYS]),
        how=st.text(max_size=9),
        at=st.text(max_size=9),
        who=st.text(max_size=9),
        why=st.text(),
    )
)
def test_a_change_is_read_as_it_was_written(change):
    assert list(recorded_changes({change.key: change.to_json()})) == [change]
    assert "number" not in json.loads(change.to_json())


class Model:
    """What should be so after some changes, without a trail: one champion a day, and a stack."""

    def __init__(self):
        self.days, self.stack, self.from_day = dict.fromkeys(DAYS, 0), [], ""

    def change(self, number, day, *, back):
        self.stack = self.stack[:-1] if back else [*self.stack, number]
        self.from_day = day
        self.days |= {each: number for each in DAYS if each >= day}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 8), st.booleans()), max_size=8))
def test_any_changes_and_kills_between_the_two_writes_leave_what_was_done(turns):
    """Promotions, rollbacks (0), each from a day, each perhaps killed before the alias moves."""
    model, tags, champion = Model(), {}, None
    for number, (target, day, killed) in enumerate(turns, 1):
        back = target == 0
        if (back and len(model.stack) < 2) or target == champion:
            continue
        became = model.stack[-2] if back else target
        how = "rolled back" if back else "by hand"
        made = Change(number=number, version=became, was=champion, from_day=DAYS[day], how=how)
        tags[made.key] = made.to_json()
        if not killed:
            champion = became
            model.change(became, DAYS[day], back=back)
        registered = registered_from(VERSIONS, champion, tags)
        assert registered.champions == tuple(model.stack)
        assert champions_of(registered) == list(model.days.values())
        assert registered.in_force_from == model.from_day
        assert registered.taken == number
