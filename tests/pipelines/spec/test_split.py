"""The partitions that train and test a model, of any grain."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.days import days_between, shift
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import GRAINS, NOMINAL_DAYS, Partitions
from pipelines.domains.fraud_detection.declaration import PIPELINE as FRAUD
from pipelines.spec import Label, Outcome, Split, labels_until, model_days, search_day
from pipelines.spec.checks import require_valid

DAYS = st.dates(date(2001, 1, 1), date(2030, 1, 1))


def declared(grain="day", zone="UTC", known=7, **split):
    table = replace(FRAUD.table, grain=grain)
    return replace(
        FRAUD,
        tables=(table,),
        time_zone=zone,
        label=Label("tx_fraud", known_after_days=known),
        split=Split(**split),
    )


@given(
    as_of=DAYS,
    known=st.integers(0, 40),
    train=st.integers(1, 60),
    gap=st.integers(0, 40),
    test=st.integers(1, 30),
)
def test_a_daily_split_is_counted_back_day_by_day(as_of, known, train, gap, test):
    """The rule for days, written once more by itself."""
    pipeline = declared(known=known, train_days=train, gap_days=gap, test_days=test)
    last = shift(as_of.isoformat(), -known - 1)
    first = shift(last, 1 - test)
    days = model_days(pipeline, as_of.isoformat())
    assert days.test == tuple(days_between(first, last))
    assert days.gap == tuple(days_between(shift(first, -gap), shift(first, -1)))
    assert days.train == tuple(days_between(shift(first, -gap - train), shift(first, -gap - 1)))
    assert search_day(pipeline, as_of.isoformat()) == first


@settings(max_examples=60)
@given(
    grain=st.sampled_from(GRAINS),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    as_of=DAYS,
    known=st.integers(0, 400),
    gap=st.integers(0, 400),
    days=st.tuples(st.integers(1, 800), st.integers(0, 800), st.integers(1, 400)),
)
def test_whole_partitions_keep_labels_known_in_time(grain, zone, as_of, known, gap, days):
    train, validation, test = days
    split = {"train_days": train, "validation_days": validation, "test_days": test}
    pipeline = declared(grain, zone, known, gap_days=gap, **split)
    partitions, found = Partitions(grain, zone), model_days(pipeline, as_of.isoformat())
    midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=ZoneInfo(zone))
    known_by = (midnight - timedelta(days=known)).astimezone(UTC)
    assert partitions.end(found.test[-1]) <= known_by, "its labels are known"
    assert partitions.end(partitions.shift(found.test[-1], 1)) > known_by, "and it is the last"

    first_test = partitions.start(found.test[0]).astimezone(ZoneInfo(zone))
    gap_from = (first_test - timedelta(days=gap)).astimezone(UTC)
    assert partitions.end(found.train[-1]) <= gap_from
    assert partitions.end(partitions.shift(found.train[-1], 1)) > gap_from, (
        "no longer than asked"
    )

    every = found.all()
    assert list(every) == partitions.between(every[0], every[-1]), "one after another"
    for number, of_days in ((len(found.train), train), (len(found.test), test)):
        assert number == max(1, round(of_days / NOMINAL_DAYS[grain]))
    assert found.validation == found.train[len(found.train) - len(found.validation) :]
    assert bool(found.validation) == bool(validation)


def test_a_search_as_of_its_day_sees_no_test_partition():
    for grain in GRAINS:
        pipeline = declared(grain, "Europe/Berlin", train_days=900, gap_days=40, test_days=300)
        found = model_days(pipeline, "2026-05-20")
        before = model_days(pipeline, search_day(pipeline, "2026-05-20"))
        assert before.test[-1] < found.test[0]


def test_months_of_a_split_in_days():
    pipeline = declared("month", train_days=365, gap_days=7, test_days=60, validation_days=31)
    found = model_days(pipeline, "2026-05-20")
    assert found.test == ("2026-03", "2026-04")
    assert found.gap == ("2026-02",), "a month is the least that is seven days or longer"
    assert found.train[0] == "2025-02"
    assert found.train[-1] == found.validation[0] == "2026-01"


def test_validation_that_rounds_to_every_training_partition_is_refused():
    pipeline = declared("month", train_days=40, gap_days=7, test_days=30, validation_days=10)
    with pytest.raises(
        ConfigError, match="are 1 and 1 partitions of a month, which leaves none"
    ):
        require_valid(pipeline)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("grain", GRAINS)
def test_a_split_beyond_the_calendar_is_said_to_be(grain, zone):
    pipeline = declared(grain, zone, train_days=400, gap_days=7, test_days=30)
    with pytest.raises(ConfigError, match="calendar"):
        model_days(pipeline, "0001-01-20")


@settings(max_examples=40)
@given(
    grain=st.sampled_from(GRAINS),
    events=st.sampled_from(["day", "month", "quarter", "year"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
    as_of=DAYS,
    horizon=st.integers(1, 800),
    known=st.integers(0, 60),
    by=st.sampled_from(["entity", "time", "both"]),
)
def test_no_horizon_reaches_past_what_is_known_at_the_as_of_day(
    grain, events, zone, as_of, horizon, known, by
):
    label = Outcome("events", "customer", ("kind", 1), horizon, known_after_days=known)
    happened = replace(FRAUD.table, name="events", grain=events)
    split = Split(train_days=60, gap_days=horizon + known, test_days=30, by=by)
    made = replace(
        declared(grain, zone), tables=(replace(FRAUD.table, grain=grain), happened), label=label
    )
    made = replace(made, split=split)
    until = labels_until(made, as_of.isoformat())
    assert until <= as_of.isoformat()
    own = happened.partitions(zone)
    assert own.start(own.of_day(until)) == Partitions("day", zone).start(until)
    days, partitions = model_days(made, as_of.isoformat()), made.partitions()
    for key in days.all():
        last = shift(partitions.last_day(key), horizon + known)
        assert last < until
    if by == "entity":
        assert days.train == days.test == days.all()
        assert (days.gap, days.validation) == ((), ())


def test_a_search_needs_days_between_it_and_the_test():
    made = declared(train_days=60, gap_days=0, test_days=0, by="entity", entity="customer")
    with pytest.raises(ConfigError, match=r"training and test share their days. Use split.by"):
        search_day(made, "2026-01-01")
