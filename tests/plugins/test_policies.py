"""Every cause leads to the action its name promises, also after Airflow stored the policy."""

from datetime import timedelta

import pytest
from airflow.sdk import ExceptionRetryPolicy, RetryAction
from airflow.sdk.module_loading import import_string

from millrace.airflow.policies import retry_by_cause
from pipelines.core import errors

SOURCE_WAIT, RESTART_WAIT = timedelta(minutes=7), timedelta(seconds=3)
POLICY = retry_by_cause(SOURCE_WAIT, RESTART_WAIT)


def every_error_class(base=errors.PipelineError):
    for cls in base.__subclasses__():
        yield cls
        yield from every_error_class(cls)


def made(cls):
    error = cls.__new__(cls)
    Exception.__init__(error, "x")
    return error


def test_the_dotted_names_are_our_classes():
    names = [
        spec
        for rule in POLICY.rules
        for spec in (rule.exception if isinstance(rule.exception, list) else [rule.exception])
    ]
    assert names
    for name in names:
        assert issubclass(import_string(name), errors.PipelineError)


@pytest.mark.parametrize(
    "policy", [POLICY, ExceptionRetryPolicy.deserialize(POLICY.serialize())]
)
def test_only_transient_errors_are_retried_and_none_is_without_a_rule(policy):
    for cls in set(every_error_class()):
        decision = policy.evaluate(made(cls), 1, 3)
        permanent = issubclass(cls, errors.PermanentError)
        assert decision.action is (RetryAction.FAIL if permanent else RetryAction.RETRY), cls
        assert decision.reason


@pytest.mark.parametrize(
    ("cls", "delay"),
    [
        (errors.SourceNotReadyError, SOURCE_WAIT),
        (errors.TableNotReadyError, SOURCE_WAIT),
        (errors.EventsNotReadyError, timedelta(minutes=2)),
        (errors.OutOfMemoryError, RESTART_WAIT),
        (errors.WorkerLostError, RESTART_WAIT),
        (errors.StageStoppedError, RESTART_WAIT),
        (errors.TransientError, timedelta(minutes=1)),
    ],
)
def test_the_wait_follows_the_cause(cls, delay):
    assert POLICY.evaluate(cls("x"), 1, 3).retry_delay == delay


def test_an_error_that_is_not_ours_follows_the_tasks_own_retries():
    assert POLICY.evaluate(KeyError("x"), 1, 3).action is RetryAction.DEFAULT
