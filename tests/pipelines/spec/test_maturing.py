"""Each partition's labels become known in one partition, never before its delay is over."""

import dataclasses
import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.partitions import GRAINS, Partitions
from pipelines.spec import Label, load
from pipelines.spec.maturing import day_after, matured_in

SHIPPED = load("fraud_detection")


def pipeline_of(grain, days, zone="UTC"):
    return dataclasses.replace(
        SHIPPED,
        tables=tuple(dataclasses.replace(each, grain=grain) for each in SHIPPED.tables),
        label=Label("tx_fraud", known_after_days=days),
        time_zone=zone,
    )


def test_labels_of_a_day_are_known_so_many_days_later():
    assert matured_in(pipeline_of("day", 7), "2026-01-31") == ["2026-01-24"]
    assert matured_in(pipeline_of("day", 0), "2026-01-31") == ["2026-01-31"]


@pytest.mark.parametrize(
    ("days", "partition", "matured"),
    [
        # 60 days before 1 February, 1 March and 1 April are 3 December, 31 December and 31 January.
        (60, "2026-01", ["2025-11"]),
        (60, "2026-02", []),
        (60, "2026-03", ["2025-12"]),
        # 30 days before 1 March and 1 April are 30 January and 2 March.
        (30, "2026-02", []),
        (30, "2026-03", ["2026-01", "2026-02"]),
    ],
)
def test_with_months_none_or_several_mature(days, partition, matured):
    assert matured_in(pipeline_of("month", days), partition) == matured


@settings(max_examples=40)
@given(
    grain=st.sampled_from(GRAINS),
    days=st.integers(0, 400),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo"]),
    first=st.integers(0, 500),
)
def test_each_partition_matures_in_one_and_not_before_its_delay(grain, days, zone, first):
    pipeline, partitions = pipeline_of(grain, days, zone), Partitions(grain, zone)
    begin = partitions.number(partitions.of_day("2025-01-01")) + first
    run = [partitions.key(n) for n in range(begin, begin + 30)]
    matured = {each: matured_in(pipeline, each) for each in run}
    whole = list(itertools.chain.from_iterable(matured.values()))
    if whole:
        assert whole == partitions.between(whole[0], whole[-1])
    for partition, earlier in matured.items():
        for each in earlier:
            # An hour either way where clocks changed between.
            waited = partitions.end(partition) - partitions.end(each)
            assert waited >= timedelta(days=days) - timedelta(hours=1)


def test_the_day_after_begins_when_the_partition_is_over():
    assert day_after(pipeline_of("day", 7), "2026-01-31") == "2026-02-01"
    assert day_after(pipeline_of("month", 7), "2026-01") == "2026-02-01"
    assert day_after(pipeline_of("hour", 7), "2026-01-31T05") == "2026-01-31"
