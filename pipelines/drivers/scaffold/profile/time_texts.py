"""How times are written: ISO 8601, another format, or a number since an epoch.

Promise: a format is one in which every known value is a time of the years 1900 to 2100.
"""

import re
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.stages.ingest.values.times import Clock, parsed_times

MICROSECONDS = pa.timestamp("us")
DATES = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d %b %Y", "%d-%b-%Y", "%b %d %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d%b%Y"),
    *("%Y%m%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%Y-%m-%d"),
)
CLOCKS = (
    "",
    " %H:%M:%S",
    " %H:%M",
    "T%H:%M:%S",
    " %I:%M %p",
    " %I:%M:%S %p",
    "%H%M%S",
    " %H.%M",
)
FORMATS = tuple(
    date + clock
    for date, clock in product(DATES, CLOCKS)
    if clock != "%H%M%S" or date == "%Y%m%d"
)
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
NAMED_AS_TIME = re.compile(
    r"(^|_)(t|ts|at|on|time|date|day|datetime|timestamp|epoch|created|updated|when|start|end|since|"
    r"\w*(time|date|stamp))(_|$)"
)
_FIRST, _LAST = "1900-01-01", "2100-01-01"
# Seconds of 1990 and 2040: a number outside of them is hardly a time.
_FIRST_S, _LAST_S = 631_152_000, 2_208_988_800


def iso_times(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The times of ISO 8601 texts in UTC; None if one is not of that form."""
    try:
        times = parsed_times(pc.utf8_trim_whitespace(texts), Clock())
    except pa.ArrowInvalid:
        return None
    return times if _plausible(times) else None


def formatted_times(texts: pa.ChunkedArray) -> tuple[list[str], pa.ChunkedArray] | None:
    """Formats that fit every text, the likeliest first, and the times by that one; None for none."""
    trimmed = pc.utf8_trim_whitespace(texts)
    few = pc.unique(trimmed).drop_null().slice(0, 500)
    if not len(few) or not pc.all(pc.match_substring_regex(few, r"\d.*\d")).as_py():
        return None
    fitting = [name for name in FORMATS if _parsed(few, name) is not None]
    whole = [(name, times) for name in fitting if (times := _parsed(trimmed, name)) is not None]
    if not whole:
        return None
    whole.sort(key=lambda each: _span(each[1]))
    return [name for name, _ in whole], whole[0][1]


def epoch_times(numbers: pa.ChunkedArray, name: str) -> tuple[str, pa.ChunkedArray] | None:
    """The epoch of whole numbers whose column is named as a time; None where they are none."""
    if not NAMED_AS_TIME.search(name) or not len(numbers.drop_null()):
        return None
    low, high = (pc.min_max(numbers)[end].as_py() for end in ("min", "max"))
    for epoch, per_s in EPOCHS.items():
        if _FIRST_S * per_s <= low and high <= _LAST_S * per_s:
            factor = 1_000_000 // per_s
            return epoch, pc.multiply(numbers, factor).cast(MICROSECONDS)
    return None


def has_times_of_day(times: pa.ChunkedArray) -> bool:
    """Whether the times are more than days."""
    seconds = pc.subtract(
        times.cast(pa.int64()), pc.floor_temporal(times, unit="day").cast(pa.int64())
    )
    return bool(pc.any(pc.not_equal(seconds, 0), min_count=0).as_py())


def _parsed(texts: pa.ChunkedArray | pa.Array, name: str) -> pa.ChunkedArray | None:
    times = pc.strptime(texts, format=name, unit="us", error_is_null=True)
    if times.null_count != texts.null_count or not _plausible(times):
        return None
    return times


def _plausible(times: pa.ChunkedArray) -> bool:
    if times.null_count == len(times):
        return False
    ends = pc.min_max(times)
    return str(ends["min"].as_py()) >= _FIRST and str(ends["max"].as_py()) < _LAST


def _span(times: pa.ChunkedArray) -> float:
    ends = pc.min_max(times)
    return float((ends["max"].as_py() - ends["min"].as_py()).total_seconds())
