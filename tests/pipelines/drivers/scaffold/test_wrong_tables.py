"""Whatever rows a source has, stages end with a verdict or one of our errors, and ``check`` foresees it."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import PipelineError
from pipelines.drivers.scaffold.source_check import source_findings
from pipelines.protocol import perform
from tests.pipelines.drivers.scaffold.wrong_tables import (
    AS_OF,
    DAYS,
    PIPELINE,
    alike,
    good_rows,
    spoilt,
    taken_in,
    work_on,
    write_days,
)

quick = settings(max_examples=5, suppress_health_check=list(HealthCheck))
long = settings(max_examples=600, suppress_health_check=list(HealthCheck))
MODEL = ("validate_window", "preprocess", "train", "evaluate", "promote")


def require_foreseen(table):
    """What keeps a day from being taken in must be one of our errors, and a failed finding before."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_days(root, {DAYS[0]: table})
        error = taken_in(root, DAYS[0])
        found = source_findings(PIPELINE, str(root / "source"), DAYS[0])
        failed = [finding.text for finding in found if not finding.ok]
        assert bool(error) == bool(failed), (error, failed)
        assert not any("Error: " in text for text in failed), failed


@quick
@given(spoilt(good_rows(DAYS[0])))
def test_what_a_day_is_refused_for_is_ours_and_check_finds_it_before(table):
    require_foreseen(table)


@pytest.mark.slow
@long
@given(spoilt(good_rows(DAYS[0])))
def test_what_a_day_is_refused_for_is_ours_and_check_finds_it_before_at_length(table):
    require_foreseen(table)


def require_model_or_our_error(tables):
    """Every stage to a registered model ends, or raises one of our errors."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_days(root, dict(zip(DAYS, tables, strict=True)))
        for day in DAYS:
            taken_in(root, day)
        for stage in MODEL:
            with suppress(PipelineError):
                perform(*work_on(stage, root, as_of=AS_OF), reach=False)


def test_days_of_one_class_and_constants_end_in_our_errors():
    require_model_or_our_error([alike(good_rows(day)) for day in DAYS])


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.tuples(*(spoilt(good_rows(day)) for day in DAYS)))
def test_whatever_rows_the_days_have_a_model_or_our_error_comes_of_them(tables):
    require_model_or_our_error(tables)
