"""Stages that read rows report rows and bytes a second, to the end."""

import pytest

from pipelines.core.days import shift
from pipelines.protocol import perform, stage_named
from tests.pipelines.shared.tables import made
from tests.pipelines.stages.featurize import validated

PIPELINE = validated.small_pipeline()


@pytest.fixture(autouse=True)
def _every_event(monkeypatch):
    monkeypatch.setattr("pipelines.core.events.PROGRESS_INTERVAL_S", 0.0)


def progress_of(stage, work):
    """The progress events of a stage's work; none where it was done already."""
    reported = []
    work.report.sink = reported.append
    perform(stage_named(stage), work)
    return [event for event in reported if event["event"] == "progress"]


def test_validate_reports_rows_and_bytes_a_second(tmp_path):
    made.write_source(tmp_path / "source", made.transactions(200))
    made.done("ingest", tmp_path / "store", tmp_path / "source")
    *_, last = progress_of("validate", made.work_on("validate", tmp_path / "store", None))
    assert (last["done"], last["total"]) == (200, 200)
    assert last["bytes_per_s"] > 0


def test_featurize_and_preprocess_report_rows_and_bytes_a_second(tmp_path):
    featurized = [
        event
        for day in validated.publish_days(PIPELINE, tmp_path, 8)
        for event in progress_of(
            "featurize", validated.work_on(PIPELINE, tmp_path, partition=day)
        )
    ]
    as_of = shift(validated.FIRST, 9)
    preprocessed = progress_of("preprocess", validated.work_on(PIPELINE, tmp_path, as_of=as_of))
    for last in (featurized[-1], preprocessed[-1]):
        assert last["done"] == last["total"] > 0
        assert last["bytes_per_s"] > 0
