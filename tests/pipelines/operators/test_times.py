"""The calendar of a timestamp against Python's own, as features and as the served graph's inputs."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import DeclarationError
from pipelines.core.zones import zone_table
from pipelines.operators.local_time import local_seconds
from pipelines.operators.program import program_of
from pipelines.operators.serving import serving_signature, serving_transform
from pipelines.spec import Bucketize, Clip, Cyclic, Hour, Night, Weekday, Weekend
from pipelines.stages.featurize.rows import row_features
from tests.pipelines import strict_arrays
from tests.pipelines.stages.featurize.validated import small_pipeline
from tests.pipelines.time_zones import ZONES, near_a_change

AS_IT_IS = Clip(0.0, 1.0)
FEATURES = (
    Hour("tx_datetime") >> Cyclic(24),
    Weekday("tx_datetime") >> Cyclic(7),
    Hour("tx_datetime") >> Bucketize(tuple(float(edge) for edge in range(1, 24))),
    Weekday("tx_datetime") >> Bucketize(tuple(float(edge) for edge in range(1, 7))),
    Weekend("tx_datetime") >> AS_IT_IS,
    Night("tx_datetime", last_hour=4) >> AS_IT_IS,
)
PIPELINE = small_pipeline(features=FEATURES)
FITTED = program_of(FEATURES, {}).fitted({})
MIDNIGHT = datetime(2024, 2, 29, tzinfo=UTC)
TICK = timedelta(microseconds=1)
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2, 9998))
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.timezones() | st.just(UTC))
MIDNIGHTS = st.builds(
    lambda day, ticks: datetime(1904, 1, 1, tzinfo=UTC) + timedelta(days=day) + ticks * TICK,
    st.integers(0, 365 * 250),
    st.integers(-1, 1),
)


def calendar_of(moment, zone="UTC"):
    """Hour, weekday, weekend and night, as Python's datetime has them."""
    if moment is None:
        return [math.nan] * 4
    there = moment.astimezone(ZoneInfo(zone))
    flags = there.isoweekday() in (6, 7), there.time().hour in (0, 1, 2, 3, 4)
    return [float(there.hour), float(there.weekday()), *map(float, flags)]


def features_of(moments, zone="UTC"):
    """What ``featurize`` makes of them, by name."""
    column = pa.array(moments, pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
    return row_features(pa.table({"tx_datetime": column}), PIPELINE.sources(), zone)


@pytest.fixture(scope="module")
def served():
    tf = pytest.importorskip("tensorflow")
    transform = serving_transform(tf, FITTED)
    graph = tf.function(lambda **columns: transform(columns)).get_concrete_function(
        **serving_signature(tf, FITTED)
    )
    return lambda columns: {
        name: found.numpy()
        for name, found in graph(**{n: tf.constant(v) for n, v in columns.items()}).items()
    }


@given(st.lists(st.none() | MOMENTS | MIDNIGHTS, min_size=1, max_size=30))
@example([MIDNIGHT - TICK, MIDNIGHT, MIDNIGHT + timedelta(days=1) - TICK, None])
@example([datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), datetime(1970, 1, 1, tzinfo=UTC)])
@example([datetime(1900, 2, 28, 23, tzinfo=UTC), datetime(1900, 3, 1, tzinfo=UTC)])
@example([datetime(2000, 2, 29, 4, 59, 59, tzinfo=UTC), datetime(2000, 3, 1, 5, tzinfo=UTC)])
@example([datetime(9997, 12, 31, 23, 59, 59, 999_999, UTC)])
@settings(max_examples=60)
def test_the_calendar_is_pythons_in_features_and_in_the_served_graph(served, moments):
    wanted = np.array([calendar_of(moment) for moment in moments])
    found = features_of(moments)
    names = ("hour", "weekday", "during_weekend", "during_night")
    np.testing.assert_array_equal(np.stack([found[n] for n in names], axis=1), wanted)
    unknown = np.isnan(wanted[:, 0])
    ids = np.where(unknown[:, None], 0, 2 + np.nan_to_num(wanted[:, :2])).astype(np.int32)
    angle = wanted[:, :2] * (2 * math.pi / np.array([24, 7]))
    circle = [f(angle[:, nth]) for nth in (0, 1) for f in (np.sin, np.cos)]
    x = np.nan_to_num(np.stack([*circle, wanted[:, 2], wanted[:, 3]], axis=1))
    for given_out in (FITTED.transform(np, found), served(found)):
        np.testing.assert_array_equal(given_out["ids"], ids)
        np.testing.assert_allclose(given_out["x"], x, atol=2e-7)


@given(st.sampled_from(ZONES), st.lists(MOMENTS | near_a_change(), min_size=1, max_size=40))
@example("Pacific/Apia", [datetime(2011, 12, 30, hour, tzinfo=UTC) for hour in (9, 10, 11)])
@example("America/Sao_Paulo", [datetime(2018, 11, 4, hour, tzinfo=UTC) for hour in (2, 3, 4)])
@settings(max_examples=60)
def test_the_calendar_is_that_of_the_pipelines_time_zone(zone, moments):
    found = features_of(moments, zone)
    names = ("hour", "weekday", "during_weekend", "during_night")
    wanted = np.array([calendar_of(moment, zone) for moment in moments])
    np.testing.assert_array_equal(np.stack([found[n] for n in names], axis=1), wanted)


@given(st.sampled_from(ZONES), st.lists(near_a_change(), min_size=1, max_size=40))
@settings(max_examples=30)
def test_local_seconds_come_from_an_array_module_with_cupys_manners_too(zone, moments):
    seconds = np.array([float(int(moment.timestamp())) for moment in moments])
    table = zone_table(zone)
    strict = local_seconds(strict_arrays, strict_arrays.asarray(seconds), table).get()
    np.testing.assert_array_equal(strict, local_seconds(np, seconds, table))


def test_a_night_begins_at_midnight_and_ends_with_its_last_hour():
    at = [MIDNIGHT + timedelta(hours=hour) for hour in range(-2, 8)]
    assert features_of(at)["during_night"].tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("last_hour", [-1, 24])
def test_a_night_without_an_end_in_its_day_is_refused(last_hour):
    with pytest.raises(
        DeclarationError, match=rf"last_hour must be .* 0 to 23; got {last_hour}"
    ):
        small_pipeline(features=(Night("tx_datetime", last_hour=last_hour),))
