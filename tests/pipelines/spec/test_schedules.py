"""Cron expressions beside croniter's reading of them, and whether they tick once a partition."""

import datetime
from dataclasses import replace

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.core.partitions import GRAINS, Partitions
from pipelines.spec import Schedule, load
from pipelines.spec.checks import require_valid
from pipelines.spec.schedules import FIELDS, cron_of, parse_cron, require_once_a_partition

PIPELINE = load("fraud_detection")


def of_grain(grain, **schedule):
    table = replace(PIPELINE.table, grain=grain)
    return replace(PIPELINE, tables=(table,), schedule=Schedule(start="2026-01-01", **schedule))


@st.composite
def part(draw, field):
    # Of days 7 is Sunday too, and croniter reads steps from it in its own way.
    beyond = -1 if field == "day of week" else 1
    numbers = st.integers(FIELDS[field][0], FIELDS[field][-1] + beyond)
    low, high = sorted((draw(numbers), draw(numbers)))
    word = draw(st.sampled_from(["*", f"{low}", f"{low}-{high + (low == high)}"]))
    return word + draw(st.sampled_from(["", "", "/2", "/7", "/0", "x"]))


fields = st.tuples(*(st.lists(part(name), min_size=1, max_size=2) for name in FIELDS))


@given(fields)
def test_an_expression_means_what_it_means_to_airflow(drawn):
    cron = " ".join(",".join(words) for words in drawn)
    try:
        theirs = [set(values) for values in croniter(cron).expanded]
    except ValueError:
        with pytest.raises(ConfigError, match=r"schedule\.data_cron"):
            parse_cron(cron, "schedule.data_cron")
        return
    for field, ours, found in zip(FIELDS, parse_cron(cron), theirs, strict=True):
        assert ours == ({*FIELDS[field]} if "*" in found else found)


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("like", ["", "30 2 * * *", "15 6 1 * *", "@daily"])
def test_the_cron_that_follows_from_a_grain_ticks_once_in_each_partition(grain, like):
    cron, partitions = cron_of(grain, like), Partitions(grain)
    require_once_a_partition(cron, grain, "cron")
    ticks = croniter(cron, datetime.datetime(2023, 12, 31, 23, 59, tzinfo=datetime.UTC))
    keys = [partitions.of_time(ticks.get_next(datetime.datetime)) for _ in range(30)]
    assert keys == partitions.between(keys[0], keys[-1])


# Of each grain: expressions that are refused, as they miss partitions or name some twice.
REFUSED = {
    "hour": ("*/30 * * * *", "0 */2 * * *", "0 0 * * *", "5 * * * 1-5", "@daily"),
    "day": ("0 */12 * * *", "0 0 * * 1", "0 0 * * 1-5", "0 0 */2 * *", "0 0 1 * *", "@hourly"),
    "week": ("0 0 * * *", "0 0 * * 1,4", "0 0 1 * 1", "0 0 * 1 1", "@monthly"),
    "month": ("0 0 * * *", "0 0 1,15 * *", "0 0 31 * *", "0 0 1 */3 *", "0 0 L * *"),
    "quarter": ("0 0 1 * *", "0 0 1 1,2,3,4 *", "0 0 1 */4 *", "0 0 30 */3 *", "@yearly"),
    "year": ("0 0 1 * *", "0 0 1 1,7 *", "0 0 29 2 *", "0 0 1 1 1", "0 0 * 1 *"),
}


@pytest.mark.parametrize("grain", GRAINS)
def test_a_cron_that_does_not_tick_once_a_partition_is_refused_when_declared(grain):
    for cron in REFUSED[grain]:
        with pytest.raises(DeclarationError) as refused:
            require_valid(of_grain(grain, data_cron=cron))
        assert f"schedule.data_cron {cron!r} does not tick once a {grain}" in str(refused.value)
        assert repr(cron_of(grain)) in str(refused.value)


@pytest.mark.parametrize(
    ("grain", "cron"),
    [
        *(("hour", "20 * * * *"), ("day", "30 3 * * *"), ("week", "0 6 * * SUN")),
        *(("month", "0 4 2 * *"), ("quarter", "0 0 5 2,5,8,11 *"), ("year", "0 0 3 JAN *")),
        *(("week", "@weekly"), ("quarter", "@quarterly"), ("hour", "@hourly")),
    ],
)
def test_a_cron_later_in_the_partition_is_accepted(grain, cron):
    require_once_a_partition(cron, grain, "cron")


@pytest.mark.parametrize("cron", ["", "daily", "0 0 * *", "61 * * * *", "0 0 1-1 * *", None, 5])
def test_a_model_cron_that_is_none_is_refused_when_declared(cron):
    with pytest.raises(DeclarationError, match=r"schedule\.model_cron"):
        require_valid(of_grain("day", model_cron=cron))


@pytest.mark.parametrize("cron", ["0 0 * * 5#3", "0 0 L * *", "0 6 ? * MON-FRI", "@monthly"])
def test_a_model_may_be_trained_at_any_time(cron):
    parse_cron(cron, "schedule.model_cron")
    croniter(cron)
