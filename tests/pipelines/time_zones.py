"""Time zones with every kind of clock change, and instants near to them."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from pipelines.core.zones import zone_table

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # went over the whole of 2011-12-30
    "America/Sao_Paulo",  # at midnight
    "Africa/Casablanca",  # around Ramadan
    "America/Goose_Bay",  # a minute after midnight, back into the day before
    "Asia/Gaza",
    "UTC",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(1905, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)


@st.composite
def near_a_change(draw):
    """An instant, in UTC, some hours around a clock change of any of the zones."""
    starts = zone_table(draw(st.sampled_from(ZONES[:-1]))).starts_s
    at = EPOCH + timedelta(seconds=draw(st.sampled_from(starts[1:])))
    near = min(max(at, FIRST), LAST)
    return near + timedelta(seconds=draw(st.integers(-90_000, 90_000) | st.integers(-2, 2)))
