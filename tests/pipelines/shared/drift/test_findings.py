"""What is drift, and what is chance, few rows, a weekday or a rare value."""

import numpy as np
import pytest

from pipelines.shared.drift import drift_of, histogram_drift
from pipelines.shared.tables.profile import profile_of
from pipelines.spec import Limit, Watch

DAYS = [f"2026-01-{n:02d}" for n in range(1, 29)]
SEASONS = {day: n % 7 for n, day in enumerate(DAYS)}


def columns(draw, rows, *, weekend=False):
    """A lognormal amount, a rare flag, a small integer, a clustered mean, one with missing values."""
    amount = draw.lognormal(3, 1, rows)
    lost = np.where(draw.random(rows) < 0.05, np.nan, draw.normal(size=rows))
    return {
        "amount": amount,
        "flag": (draw.random(rows) < 0.02).astype(float),
        "code": draw.choice([1.0, 2, 3, 5, 8], rows, p=[0.4, 0.3, 0.2, 0.05, 0.05]),
        "hour": draw.normal(18 if weekend else 9, 2, rows),
        "lost": lost,
    }


def days_of(draw, rows, days=DAYS):
    return {
        day: profile_of(columns(draw, rows, weekend=n % 7 >= 5)) for n, day in enumerate(days)
    }


@pytest.fixture(scope="module")
def reference():
    return days_of(np.random.default_rng(1), 2000)


def levels(reference, values, watch=None, seasons=SEASONS):
    found = drift_of(reference, profile_of(values), watch or Watch(), seasons)
    return {one.column: one.measure for one in found if one.level}


def test_no_alarm_where_nothing_changed_whatever_the_rows(reference):
    """Of 72 days of 10 to 300 rows, whose PSI is up to 2, half of them beside small training days: none."""
    draw = np.random.default_rng(2)
    small = days_of(draw, 30)
    large = 0
    for nth in range(36):
        rows = (10, 20, 40, 80, 150, 300)[nth % 6]
        for days in (reference, small):
            found = drift_of(days, profile_of(columns(draw, rows)), Watch(), SEASONS)
            large += max(one.psi for one in found) > Watch().psi.warn
            assert not [one for one in found if one.level]
    assert large > 15


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"amount": lambda v, _: v * 3}, {"amount": "psi"}),
        ({"amount": lambda v, _: v + 40}, {"amount": "psi"}),
        ({"code": lambda v, d: np.where(d < 0.1, 13.0, v)}, {"code": "psi"}),
        ({"lost": lambda v, d: np.where(d < 0.3, np.nan, v)}, {"lost": "psi"}),
        ({"lost": lambda v, _: np.full(len(v), np.nan)}, {"lost": "psi"}),
        ({"amount": lambda v, _: np.full(len(v), 20.0)}, {"amount": "psi"}),
        ({"flag": lambda v, _: np.zeros(len(v))}, {"flag": "constant"}),
        ({"flag": lambda v, d: (d < 0.3).astype(float)}, {"flag": "psi"}),
        ({"hour": lambda v, _: v + 9}, {}),
        ({"hour": lambda v, _: v + 18}, {"hour": "psi"}),
        ({"amount": lambda v, _: v * 1.05}, {}),
    ],
    ids=[
        *(
            "scale",
            "shift",
            "new category",
            "missing",
            "all missing",
            "constant",
            "a flag stopped",
        ),
        *("a flag rose", "like another season", "like none", "hardly moved"),
    ],
)
def test_planted_drift_is_found_in_its_column_alone(reference, change, seen):
    draw = np.random.default_rng(3)
    values = columns(draw, 2000)
    values |= {name: make(values[name], draw.random(2000)) for name, make in change.items()}
    assert levels(reference, values) == seen


def test_a_weekday_is_like_its_own_and_a_change_of_it_is_seen(reference):
    draw = np.random.default_rng(4)
    sunday = columns(draw, 2000, weekend=True)
    assert levels(reference, sunday) == {}
    weekdays = {day: reference[day] for day in DAYS if SEASONS[day] not in (5, 6)}
    assert levels(weekdays, sunday) == {"hour": "psi"}
    assert levels(weekdays, sunday, seasons=None) == {"hour": "psi"}


def test_rows_of_few_entities_that_are_alike_are_no_drift():
    """Twelve entities a day with a value each: rows say that it is certain, days that it is usual."""
    draw = np.random.default_rng(5)

    def day():
        return profile_of({"mean": np.repeat(draw.normal(size=12), 100)})

    days, watch = {name: day() for name in DAYS}, Watch(psi=Limit(warn=0.25))
    found = [drift_of(days, day(), watch)[0] for _ in range(100)]
    assert np.mean([one.psi > 0.25 for one in found]) > 0.9
    assert sum(bool(one.level) for one in found) <= 1


def test_the_worst_measure_and_severity_win_and_columns_may_be_left_out(reference):
    values = columns(np.random.default_rng(6), 2000)
    values["amount"] = values["amount"] * 3
    both = Watch(psi=Limit(warn=0.25, refuse=9.0), wasserstein=Limit(warn=0.5, refuse=1.0))
    one = next(f for f in drift_of(reference, profile_of(values), both) if f.level)
    assert (one.column, one.measure, one.level, one.limit) == (
        "amount",
        "wasserstein",
        "refuse",
        1.0,
    )
    assert one.wasserstein > 1
    assert levels(reference, values, Watch(js=Limit(warn=0.1), psi=Limit())) == {"amount": "js"}
    assert levels(reference, values, Watch(not_watched=("amount",))) == {}
    assert levels(reference, values, Watch(psi_of=(("amount", Limit(warn=9.0)),))) == {}


def test_one_row_far_away_is_no_distance(reference):
    values = columns(np.random.default_rng(7), 200)
    values["amount"][0] = 1e12
    assert levels(reference, values, Watch(wasserstein=Limit(warn=0.5))) == {}


def test_the_order_of_days_and_columns_changes_nothing(reference):
    values = columns(np.random.default_rng(8), 500)
    profile = profile_of(values)
    first = drift_of(reference, profile, Watch(), SEASONS)
    turned = {day: dict(reversed(reference[day].items())) for day in reversed(DAYS)}
    again = drift_of(turned, dict(reversed(profile.items())), Watch(), SEASONS)
    assert sorted(map(str, first)) == sorted(map(str, again))


def test_histograms_of_scores_and_categories():
    draw = np.random.default_rng(9)
    share = np.array([0.9, 0.05, 0.03, 0.02])
    days = {day: draw.multinomial(3000, share).tolist() for day in DAYS}
    alike = histogram_drift(
        "score", days, draw.multinomial(500, share).tolist(), Limit(warn=0.1)
    )
    assert alike.level == ""
    moved = histogram_drift("score", days, [600, 200, 100, 100], Limit(warn=0.1, refuse=2.0))
    assert (moved.level, moved.measure) == ("warn", "psi")
    assert moved.wasserstein > 0.3
    words = {
        "rows": 1000,
        "known": 1000,
        "categories": ["a", "b", "c"],
        "counts": [800, 190, 10],
    }
    new = {"rows": 500, "known": 480, "categories": ["a", "b", "z"], "counts": [300, 80, 100]}
    (found,) = drift_of({"2026-01-01": {"w": words}}, {"w": new}, Watch())
    assert (found.level, found.wasserstein) == ("warn", None)
    assert (found.missing, found.missing_before) == (0.04, 0.0)


def test_days_without_rows_are_compared_with_nothing(reference):
    empty = profile_of({"amount": np.zeros(0)})
    assert drift_of(reference, empty, Watch()) == []
    assert drift_of({"2026-01-01": empty}, profile_of({"amount": np.ones(9)}), Watch()) == []
    unknown = profile_of({"amount": np.full(500, np.nan)})
    (found,) = drift_of({"2026-01-01": unknown}, unknown, Watch())
    assert (found.psi, found.level) == (0.0, "")
