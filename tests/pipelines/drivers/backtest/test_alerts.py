"""Alerts of a policy day after day, beside a count by hand."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from pipelines.drivers.backtest.alerts import Alerts, mean_average_precision
from pipelines.drivers.backtest.days import ScoredDay

FIRST = date(2026, 1, 1)


def scored_days(seed, n_days, texts):
    draw = np.random.default_rng(seed)
    days = []
    for number in range(n_days):
        rows = int(draw.integers(0, 30))
        entities = draw.integers(0, 12, rows)
        named = np.array([f"card {e}" for e in entities], object) if texts else entities
        days.append(
            ScoredDay(
                (FIRST + timedelta(days=number)).isoformat(),
                draw.random(rows) < 0.2,
                named,
                np.round(draw.random(rows), 1),
            )
        )
    return days


def by_hand(days, *, per_day, delay, known_for, exclude_known):
    """Alerts, caught and events of each day, entity by entity."""
    found, events_of, results = {}, {}, []
    for number, day in enumerate(days):
        rows = {}
        for entity, event, score in zip(day.entities, day.events, day.scores, strict=True):
            waits = entity in found and number - found[entity] <= max(delay, 1)
            known = any(
                delay < number - before <= known_for for before in events_of.get(entity, ())
            )
            if not waits and not (exclude_known and known):
                rows.setdefault(entity, []).append((score, bool(event)))
        ranked = sorted(rows, key=lambda e: (-max(s for s, _ in rows[e]), e))
        had = [any(event for _, event in rows[e]) for e in ranked]
        for entity, event in list(zip(ranked, had, strict=True))[:per_day]:
            if event:
                found[entity] = number
        for entity in set(day.entities[day.events].tolist()):
            events_of.setdefault(entity, []).append(number)
        results.append((min(per_day, len(ranked)), sum(had[:per_day]), sum(had)))
    return results


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(0, 5),
    st.integers(5, 12),
    st.booleans(),
    st.booleans(),
)
def test_alerts_are_those_counted_by_hand(seed, per_day, delay, known_for, exclude, texts):
    days = scored_days(seed, 14, texts)
    alerts = Alerts(per_day, delay, exclude, known_for)
    results = [alerts.of_day(day) for day in days]
    assert [(r.alerts, r.caught, r.events) for r in results] == by_hand(
        days, per_day=per_day, delay=delay, known_for=known_for, exclude_known=exclude
    )


def test_average_precision_of_days_is_that_of_their_rows_together():
    days = scored_days(7, 10, False)
    events, scores = (
        np.concatenate([getattr(d, n) for d in days]) for n in ("events", "scores")
    )
    assert mean_average_precision(days) == pytest.approx(
        average_precision_score(events, scores)
    )


def test_days_without_an_event_have_no_average_precision():
    quiet = ScoredDay("2026-01-01", np.zeros(3, bool), np.arange(3), np.ones(3))
    assert mean_average_precision([quiet]) is None
    assert Alerts(2, 7, True, 14).of_day(quiet).average_precision is None
    assert mean_average_precision([]) is None
