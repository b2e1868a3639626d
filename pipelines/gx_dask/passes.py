"""Answering metrics step by step, those that ask at the same time in one pass.

Why: some metrics need one pass over the data, some two, some an exchange between partitions;
    those of one suite must share passes all the same.
Promise: a metric is a chain of steps. A step asks something, and its ``then`` makes of the
    answers the next step, or the value. As many passes are run as the longest chain has steps.

    =========================  ====================================  =========================
    a mean                     Step(moments, then merge)             -> Done(mean)
    an exact median            Step(sketches, then choose brackets)  -> Step(slices, then pick)
                                                                     -> Done(median)
    =========================  ====================================  =========================

Not here: the steps of each metric (``metric_steps.py``), what a task does (``scan.py``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from dask.delayed import Delayed

from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.runners import Runner
from pipelines.gx_dask.scan import MetricQuestion, Scan, partition_tasks, whole_table_task
from pipelines.gx_dask.stock import Failure
from pipelines.gx_dask.uniqueness import Exchange, exchange_tasks


@dataclass(frozen=True, slots=True, eq=False)
class WholeTable:
    """A question to all rows at once; its answer is a list of one."""

    question: MetricQuestion


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Something to find out, and what follows.

    Attributes:
        asks: A question to every partition or to the whole table, or an exchange between
            partitions.
        then: Makes the next step, or the value, of the answers: one a partition, in their
            order; of an exchange the number of distinct values last.
    """

    asks: "MetricQuestion | WholeTable | Exchange"
    then: "Callable[[list[Any]], Step | Done]"


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """The metric's value, or its ``Failure``."""

    value: object


Key = Any  # what a metric's answer is kept under


def guarded(make: Callable[..., Step | Done], *given: Any) -> Step | Done:
    """What ``make`` returns; what it raises is the metric's result."""
    try:
        return make(*given)
    except Exception as error:
        return Done(Failure(str(error)))


def run_steps(
    firsts: Mapping[Key, Step | Done], layout: Layout, runner: Runner
) -> dict[Key, Any]:
    """The values of metrics, of which the first steps are given."""
    values: dict[Key, Any] = {}
    outcomes = dict(firsts)
    while outcomes:
        values |= {key: each.value for key, each in outcomes.items() if isinstance(each, Done)}
        steps = {key: each for key, each in outcomes.items() if isinstance(each, Step)}
        answers = _ask(steps, layout, runner)
        outcomes = {key: _next(step, answers[key]) for key, step in steps.items()}
    return values


def _next(step: Step, answers: list[Any]) -> Step | Done:
    failed = next((answer for answer in answers if isinstance(answer, Failure)), None)
    return guarded(step.then, answers) if failed is None else Done(failed)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Tasks, and what makes the answers to some metrics of their results."""

    tasks: Sequence[Delayed]
    answers: Callable[[list[Any]], dict[Key, list[Any]]]


def _ask(steps: Mapping[Key, Step], layout: Layout, runner: Runner) -> dict[Key, list[Any]]:
    """Ask everything in one run of tasks."""
    if not steps:
        return {}
    groups = list(_groups(steps, layout))
    results = iter(runner.run([task for group in groups for task in group.tasks]))
    answers: dict[Key, list[Any]] = {}
    for group in groups:
        answers |= group.answers(list(islice(results, len(group.tasks))))
    return answers


def _groups(steps: Mapping[Key, Step], layout: Layout) -> Iterator[_Group]:
    each: dict[Key, MetricQuestion] = {}
    whole: dict[Key, MetricQuestion] = {}
    exchanges: dict[Key, Exchange] = {}
    for key, step in steps.items():
        if isinstance(step.asks, MetricQuestion):
            each[key] = step.asks
        elif isinstance(step.asks, WholeTable):
            whole[key] = step.asks.question
        else:
            exchanges[key] = step.asks
    if each:
        tasks = partition_tasks(Scan(layout, list(each.values())))
        yield _Group(tasks, partial(_by_question, list(each)))
    if whole:
        task = whole_table_task(Scan(layout, list(whole.values())))
        yield _Group([task], partial(_by_question, list(whole)))
    for key, exchange in exchanges.items():
        yield _Group(exchange_tasks(exchange), partial(_of_one, key))


def _by_question(keys: Sequence[Key], results: list[Any]) -> dict[Key, list[Any]]:
    """Each task's result has an answer to every question, in their order."""
    return {key: [result[nth] for result in results] for nth, key in enumerate(keys)}


def _of_one(key: Key, results: list[Any]) -> dict[Key, list[Any]]:
    return {key: results}
