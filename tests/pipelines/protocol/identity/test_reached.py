"""Whatever runs is reached: stages at work, watched."""

import contextlib
import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.days import shift
from pipelines.core.errors import PartitionRefusedError
from pipelines.protocol import perform, stage_named
from pipelines.spec import search_day
from tests.pipelines import made_models
from tests.pipelines.protocol.identity.tracing import not_reached, traced
from tests.pipelines.shared.tables import made
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    publish_days,
    small_pipeline,
    work_on,
)
from tests.pipelines.stages.tune import test_winner


def require_reached(ran, **least):
    """Each stage ran at least so many functions, and reaches all that ran."""
    for stage, wanted in least.items():
        assert len(ran[stage]) >= wanted, stage
    missing = {stage: not_reached(stage, each) for stage, each in ran.items()}
    assert not any(missing.values()), missing


def test_what_ingest_ran_is_reached(tmp_path):
    made.write_source(tmp_path / "source", made.transactions(60))
    made.write_source(tmp_path / "text", made.transactions(60), "part-0.csv")
    with traced() as ran:
        made.done("ingest", tmp_path / "store", tmp_path / "source")
        made.done("ingest", tmp_path / "other", tmp_path / "text", made.csv_pipeline())
    require_reached(ran, ingest=100)


def test_a_function_that_is_not_reached_would_be_found():
    from pipelines.stages.promote import decision

    code = decision.decide.__code__
    ran = {(code.co_filename, code.co_qualname, code.co_firstlineno)}
    assert not not_reached("promote", ran)
    assert not_reached("ingest", ran) == [("pipelines.stages.promote.decision", "decide")]


@pytest.mark.slow
def test_what_a_days_and_a_windows_stages_ran_is_reached(tmp_path):
    pipeline = small_pipeline()
    table = made.transactions(300)
    amounts = np.where(np.arange(300) < 2, -1.0, table["TX_AMOUNT"].to_numpy())
    bad = made.with_column(table, "TX_AMOUNT", pa.array(amounts))
    made.write_source(tmp_path / "source", bad)
    days = publish_days(pipeline, tmp_path / "days", 8)
    with traced() as ran:
        made.done("ingest", tmp_path / "store", tmp_path / "source")
        made.done("validate", tmp_path / "store")
        for day in days:
            with contextlib.suppress(PartitionRefusedError):
                perform(
                    stage_named("featurize"),
                    work_on(pipeline, tmp_path / "days", partition=day),
                )
        for stage in ("validate_window", "preprocess"):
            with contextlib.suppress(PartitionRefusedError):
                perform(
                    stage_named(stage),
                    work_on(pipeline, tmp_path / "days", as_of=shift(FIRST, 9)),
                )
    require_reached(ran, validate=200, featurize=150, validate_window=150, preprocess=150)


@pytest.mark.slow
def test_what_a_models_stages_ran_is_reached(tmp_path):
    training = dataclasses.replace(made_models.FRAUD.training, epochs=1)
    pipeline = dataclasses.replace(made_models.FRAUD, training=training)
    made_models.publish_training_set(tmp_path, rows=200, pipeline=pipeline)
    with traced() as ran:
        for stage in ("train", "evaluate", "promote"):
            made_models.done(stage, tmp_path, pipeline=pipeline)
    require_reached(ran, train=200, evaluate=100, promote=80)


@pytest.mark.slow
def test_what_a_search_ran_is_reached(tmp_path):
    as_of = search_day(test_winner.PIPELINE, made_models.AS_OF)
    made_models.publish_training_set(tmp_path, rows=50, as_of=as_of)
    for number in range(2):
        test_winner.ended(tmp_path, number, value=0.4 + number / 10)
    with traced() as ran:
        made_models.done("tune", tmp_path, pipeline=test_winner.PIPELINE)
    require_reached(ran, tune=50)
