"""Samples of several files, and the partition that a sample of files for all time is tried as."""

from dataclasses import replace

import pytest

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.drivers.scaffold.sample_trial import partition_of
from pipelines.drivers.scaffold.source_sample import sample_of
from pipelines.protocol import Work
from tests.pipelines.stages.ingest.sources.made_meds import dataset_pipeline, rows, write

BORN, LATER = "1950-01-01", "2020-06-01"


@pytest.fixture
def sampled(tmp_path):
    """A sample of so many rows of a dataset of three subjects, a file each."""
    files = {f"s{n}": rows((n, BORN, "MEDS_BIRTH"), (n, LATER, "A")) for n in range(3)}
    write(tmp_path, **files)

    def made(limit, start=""):
        pipeline = dataset_pipeline()
        tables = tuple(replace(t, start=start) if t.event_time else t for t in pipeline.tables)
        work = Work(
            pipeline=replace(pipeline, tables=tables),
            store=Store(str(tmp_path / "store")),
            report=Reporter("sample"),
            partition="2020",
            source=str(tmp_path),
            history_from="",
        )
        return sample_of(work.of_table("events", "2020"), limit)

    return made


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
def test_a_sample_may_end_in_any_of_several_files(sampled, limit):
    sample = sampled(limit)
    assert sample.rows.num_rows == min(limit, 6)
    assert sample.is_whole == (limit >= 6)
    assert sample.problems == ()


@pytest.mark.parametrize(
    ("start", "limit", "partition"),
    [("1940-01-01", 6, "1950"), ("2015-01-01", 6, "2020"), ("2015-01-01", 1, "1950")],
)
def test_a_sample_is_tried_as_the_first_partition_since_the_data_begins(
    sampled, start, limit, partition
):
    assert partition_of(sampled(limit, start)) == partition
