"""One pass over the partitions: everything that is asked of them, in one task each.

Why: reading a column costs more than most questions about it.
Promise: a task reads each column it needs once; one question that cannot be answered fails
    alone. A file that cannot be read, a lost worker and lack of memory are never an answer
    about the data: they leave the pass as errors.
Not here: which questions (``engine.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dask.delayed import Delayed, delayed

from pipelines.core.errors import PipelineError
from pipelines.gx_dask import aggregates, order, quantiles, uniqueness
from pipelines.gx_dask.conditions import Need, evaluate_condition
from pipelines.gx_dask.filters import condition_columns
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Failure, Node, call, small_engine

# A partition with less than this is read in one go, a larger one column by column.
READ_AT_ONCE_BYTES = 200 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One question to every partition.

    Attributes:
        what: Name of the question, one of ``ANSWERS``.
        node: The metric it is about.
        need: What is wanted of failing rows, where it is about rows.
        each: Something of its own for each partition, by the partition's number.
        extra: Something the same for all.
    """

    what: str
    node: Node
    need: Need | None = None
    each: Sequence[Any] = field(default_factory=tuple)
    extra: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """A pass: the table and the questions."""

    layout: Layout
    asks: Sequence[Ask]


def tasks_of(wave: Wave) -> list[Delayed]:
    """A task a partition; the questions travel once."""
    shared = delayed(wave, pure=False, traverse=False)
    task = delayed(answer_partition, pure=False, traverse=False)
    return [task(shared, number) for number in range(len(wave.layout.partitions))]


def gather_task(wave: Wave) -> Delayed:
    """One task that has the rows of all partitions at once."""
    return delayed(answer_whole, pure=False, traverse=False)(
        delayed(wave, pure=False, traverse=False)
    )


def answer_partition(wave: Wave, number: int) -> list[Any]:
    """An answer or a ``Failure`` for each question, from one partition."""
    rows = Rows(wave.layout, [wave.layout.partitions[number]])
    return _answer_all(wave, rows)


def answer_whole(wave: Wave) -> list[Any]:
    """An answer or a ``Failure`` for each question, from the whole table."""
    return _answer_all(wave, Rows(wave.layout, wave.layout.partitions))


def columns_of(node: Node, layout: Layout) -> list[str]:
    """Columns a metric reads, those of its row condition too, without those there are not."""
    names = layout.schema.names
    wanted = [*node.columns(), *condition_columns(node.domain, names)]
    return [name for name in dict.fromkeys(wanted) if name in names]


def _answer_all(wave: Wave, rows: Rows) -> list[Any]:
    reads = [columns_of(ask.node, wave.layout) for ask in wave.asks]
    last = {name: index for index, names in enumerate(_sorted(reads)) for name in names[1]}
    if _bytes(wave.layout, last, rows) < READ_AT_ONCE_BYTES:
        rows.read(last)
    answers: list[Any] = [None] * len(wave.asks)
    for index, (place, names) in enumerate(_sorted(reads)):
        rows.read(names)
        answers[place] = _answer(wave.asks[place], rows)
        rows.forget(name for name in names if last[name] == index)
    return answers


def _sorted(reads: Sequence[Sequence[str]]) -> list[tuple[int, Sequence[str]]]:
    """Questions about the same columns one after the other."""
    return sorted(enumerate(reads), key=lambda each: (list(each[1]), each[0]))


def _bytes(layout: Layout, names: Mapping[str, Any], rows: Rows) -> float:
    share = rows.count / max(layout.rows, 1)
    return share * sum(layout.widths.get(name, 0) for name in names)


def _answer(ask: Ask, rows: Rows) -> Any:
    try:
        return ANSWERS[ask.what](ask, rows)
    except (PipelineError, MemoryError):
        raise
    except Exception as error:  # one metric's failure is that metric's result
        return Failure(str(error))


def _number(rows: Rows) -> int:
    return rows.partitions[0].number


def _stock(ask: Ask, rows: Rows) -> Any:
    frame = rows.frame(columns_of(ask.node, rows.layout) or rows.layout.schema.names)
    return call(ask.node, small_engine(frame, ask.node.domain["batch_id"]))


def _aggregate(ask: Ask, rows: Rows) -> Any:
    return aggregates.RULES[ask.node.name].part(ask.node, rows)


def _condition(ask: Ask, rows: Rows) -> Any:
    assert ask.need is not None
    return evaluate_condition(ask.node, rows, ask.need)


def _whole_condition(ask: Ask, rows: Rows) -> Any:
    assert ask.need is not None
    return evaluate_condition(ask.node, rows, ask.need, fast=False)


def _order(ask: Ask, rows: Rows) -> Any:
    assert ask.need is not None
    return order.evaluate_order(ask.node, rows, ask.need, ask.each[_number(rows)])


ANSWERS: dict[str, Callable[[Ask, Rows], Any]] = {
    "aggregate": _aggregate,
    "condition": _condition,
    "last value": lambda ask, rows: order.last_value(ask.node, rows),
    "order": _order,
    "run": lambda ask, rows: uniqueness.rising_run(ask.node, rows),
    "sketch": lambda ask, rows: quantiles.sketch(ask.node, rows),
    "moments": lambda ask, rows: aggregates.moments(ask.node, rows),
    "slices": lambda ask, rows: quantiles.slices(ask.node, rows, ask.extra),
    "stock": _stock,
    "whole condition": _whole_condition,
}
