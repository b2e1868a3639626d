"""Whatever is declared, only its mistakes are reported, and what passes can be used."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings

from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.core.store import digest_of
from pipelines.shared.expectations.rules import rules_of
from pipelines.spec import Outcome, model_days, require_valid
from pipelines.stages.featurize.feature_plan import plan_features
from pipelines.stages.ingest.settings import ingest_settings
from tests.pipelines.spec.wrong_declarations import EVERYTHING, wrong
from tests.pipelines.stages.ingest.landmarks.visits_case import declared


def use(pipeline):
    """What stages and commands make of a declaration before they read a row."""
    json.dumps(ingest_settings(pipeline))
    assert pipeline.feature_names()
    assert pipeline.program().lines
    assert pipeline.stored.columns
    pipeline.look_back_days()
    pipeline.sensitive_columns()
    digest_of(repr(pipeline))
    if not isinstance(pipeline.label, Outcome):
        plan_features(pipeline)
    for table in pipeline.tables:
        key = table.partitions(pipeline.time_zone).of_day("2026-02-01")
        with suppress(ConfigError):  # a budget for a rule that another change renamed
            rules_of(pipeline.of_table(table.name), key)
    with suppress(ConfigError):  # days outside of the calendar
        model_days(pipeline, "2026-03-01")


def require_only_our_mistakes(pipeline):
    try:
        require_valid(pipeline)
    except DeclarationError as error:
        said = str(error)
    else:
        said = ""
        use(pipeline)
    assert "cannot be checked" not in said


@given(wrong(EVERYTHING))
@settings(max_examples=80)
def test_whatever_is_declared_only_mistakes_are_reported(pipeline):
    require_only_our_mistakes(pipeline)


@given(wrong(declared(where=("code", ("visit", "lab")), free_of=(("level", 1),), every_days=9)))
@settings(max_examples=30)
def test_whatever_is_declared_of_landmarks_only_mistakes_are_reported(pipeline):
    require_only_our_mistakes(pipeline)


@pytest.mark.slow
@given(wrong(EVERYTHING))
@settings(max_examples=20_000)
def test_whatever_is_declared_only_mistakes_are_reported_at_length(pipeline):
    require_only_our_mistakes(pipeline)
