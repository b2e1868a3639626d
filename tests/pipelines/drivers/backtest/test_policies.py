"""Policies as texts: each means what it says, and what is none is refused with what may stand there."""

import contextlib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.drivers.backtest.policies import policy_of
from pipelines.drivers.backtest.replay import policies_of

FIRST = date(2026, 1, 13)


@pytest.mark.parametrize(
    ("text", "triggers", "rest"),
    [
        ("weekly", ("weekly",), {"use": "better", "settings": ()}),
        ("monthly+drift,drift=0.2", ("monthly", "drift"), {"drift": 0.2}),
        ("decay,decay=0.05,cooldown=14", ("decay",), {"decay": 0.05, "cooldown_days": 14}),
        ("never,use=always", ("never",), {"use": "always"}),
        (
            "every-10,split.train_days=14,model.hidden=[500,250]",
            ("every-10",),
            {"settings": ("split.train_days=14", "model.hidden=[500,250]")},
        ),
    ],
)
def test_a_policy_is_read_as_it_is_written(text, triggers, rest):
    policy = policy_of(text)
    assert (policy.text, policy.triggers) == (text, triggers)
    assert {name: getattr(policy, name) for name in rest} == rest


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no trigger ''"),
        ("weekly+", "no trigger ''"),
        ("dayly", "no trigger 'dayly'"),
        ("every-0", "no trigger 'every-0'"),
        ("every-1.5", "no trigger 'every-1.5'"),
        ("weekly+weekly", "joins a trigger with itself"),
        ("never+weekly", "joins a trigger with itself, or with never"),
        ("weekly,use", "'use' is not name=value"),
        ("weekly,use=", "'use=' is not name=value"),
        ("weekly,use=best", "use is 'best'"),
        ("weekly,usse=better", "Did you mean 'use'"),
        ("weekly,drift=big", "drift must be a number from 0; got 'big'"),
        ("weekly,drift=nan", "drift must be a number from 0; got 'nan'"),
        ("weekly,decay=-1", "decay must be a number from 0; got '-1'"),
        ("weekly,cooldown=1.5", "cooldown must be a whole number of days from 0; got '1.5'"),
        ("weekly,drift=1,drift=2", "drift is given twice"),
    ],
)
def test_what_is_no_policy_is_refused_with_what_may_stand_there(text, says):
    with pytest.raises(ConfigError) as refused:
        policy_of(text)
    assert says in str(refused.value)
    assert "A policy is weekly, monthly, every-N" in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_is_a_policy_or_is_refused(text):
    with contextlib.suppress(ConfigError):
        assert policy_of(text).text == text


def test_one_policy_is_replayed_once():
    with pytest.raises(ConfigError, match="'weekly' is given twice"):
        policies_of(["weekly", "never", "weekly"], policy_of)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("never", []),
        ("weekly", [0, 7, 14, 21, 28, 35, 42]),
        ("every-20", [0, 20, 40]),
        # 2026-02-01 is 19 days after the first day.
        ("monthly", [19]),
        ("monthly+every-20", [0, 19, 20, 40]),
        ("drift", []),
    ],
)
def test_a_schedule_asks_for_a_model_on_its_days(text, days):
    policy = policy_of(text)
    every = (FIRST + timedelta(days=n) for n in range(46))
    assert [(day - FIRST).days for day in every if policy.due(day, FIRST)] == days
