"""Events that are replayed by the command line, and the landmarks that are derived from them."""

import json
import shutil
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.store import Ref, Store
from tests.pipelines.cli.test_usage import ROOT, millrace
from tests.pipelines.stages.ingest.landmarks.visits_case import made_events

pytestmark = pytest.mark.slow
NAME = "incident_diabetes"


def write_year(folder, year, patients):
    begin = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    rows = [
        {
            "event_id": year * 1000 + row["event"],
            "patient_id": row["patient"],
            "at": row["at"],
            "code": row["code"],
            "value": float(row["level"]),
        }
        for row in made_events(year, 300, *begin, patients)
        if row["patient"] is not None and row["code"] is not None
    ]
    (folder / "events").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / f"events/{year}.parquet")


def landmarks_by_year(store):
    refs = [Ref(NAME, "validated", f"ds={year}") for year in (2001, 2002, 2003)]
    return [store.find(ref) for ref in refs]


def test_a_replay_of_events_derives_the_landmarks_of_then_and_later_again(tmp_path):
    project = tmp_path / "projects" / NAME
    project.mkdir(parents=True)
    shutil.copy(ROOT / f"docs/examples/{NAME}.py", project / "declaration.py")
    store, source = tmp_path / "store", tmp_path / "source"
    for year in (2001, 2002, 2003):
        write_year(source, year, 40)

    def done(*argv):
        call = (*argv, "--store", store, "--json")
        ended = millrace(*call, MILLRACE_PIPELINES=str(tmp_path / "projects"))
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    years = ("--from", "2001", "--to", "2003")
    of_events = ("--table", "events")
    done("stage", "ingest", NAME, *of_events, *years, "--source", source)
    done("stage", "validate", NAME, *of_events, *years)
    done("stage", "ingest", NAME, *years)
    done("stage", "validate", NAME, *years)
    before = landmarks_by_year(Store(str(store)))
    assert [manifest.outcome["rows"] > 0 for manifest in before] == [False, True, True]
    write_year(source, 2002, 10)
    done("replay", NAME, *of_events, "--partition", "2002", "--source", source)
    after = landmarks_by_year(Store(str(store)))
    assert [one.content == other.content for one, other in zip(before, after, strict=True)] == [
        True,
        False,
        False,
    ]
