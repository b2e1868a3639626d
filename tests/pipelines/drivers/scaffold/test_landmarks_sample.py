"""What ``check`` finds of landmarks, which it derives from the first rows of their events."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from pipelines.drivers.scaffold.source_check import source_findings
from pipelines.spec import Source
from tests.pipelines.stages.ingest.landmarks.visits_case import declared, made_events, stored

YEAR = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 1, 1, tzinfo=UTC)


def texts(folder, rows, pipeline):
    pq.write_table(stored(pipeline.of_table("events"), rows), folder / "2001.parquet")
    return [
        (finding.ok, finding.text) for finding in source_findings(pipeline, str(folder), None)
    ]


def from_files(pipeline, own_root=""):
    events = pipeline.of_table("events").table
    events = replace(events, source=Source(path="{year}.parquet", root=own_root))
    return replace(pipeline, tables=(events, pipeline.table))


@pytest.mark.parametrize(
    ("history_days", "left"), [(30, "leaves"), (3650, "leaves 0 of 0 entities")]
)
def test_landmarks_are_derived_from_the_sample_of_their_events(tmp_path, history_days, left):
    rows = made_events(0, 200, *YEAR)
    pipeline = from_files(declared(history_days=history_days))
    found = [
        each for each in texts(tmp_path, rows, pipeline) if each[1].startswith("landmarks: ")
    ]
    ok, text = found[0]
    assert ok
    assert text.startswith("landmarks: of 2001, derived from these rows of events: ")
    assert f"history_days ({history_days}) {left}" in text
    # Without an example there is nothing more to look at.
    assert (len(found) == 1) is (history_days == 3650)


def test_nothing_is_said_of_landmarks_whose_events_are_refused(tmp_path):
    rows = [row | {"at": row["at"].replace(year=2007)} for row in made_events(0, 50, *YEAR)]
    found = texts(tmp_path, rows, from_files(declared()))
    assert not all(ok for ok, _ in found)
    assert not any(text.startswith("landmarks: ") for _, text in found)
