"""One pass over the partitions: everything that is asked of them, in one task each.

Why: reading a column costs more than most questions about it.
Promise: a task reads each column it needs once; one question that cannot be answered fails
    alone. A file that cannot be read, a lost worker and lack of memory are never an answer
    about the data: they leave the pass as errors.
Not here: which questions (``metric_steps.py``), which of them share a pass (``passes.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dask.delayed import Delayed, delayed

from pipelines.gx_dask.errors import EngineError
from pipelines.gx_dask.filters import columns_read
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Failure, Node

# A partition with less than this is read in one go, a larger one column by column.
READ_AT_ONCE_BYTES = 200 << 20


@dataclass(frozen=True, slots=True, eq=False)
class MetricQuestion:
    """What is asked about a metric, where the rows are.

    Attributes:
        answer: A function of a module: of the metric, the rows and the arguments.
        node: The metric.
        arguments: More arguments, the same for every partition.
        by_partition: One more argument for each partition, by the partition's number.
    """

    answer: Callable[..., Any]
    node: Node
    arguments: tuple[Any, ...] = ()
    by_partition: Sequence[Any] = ()

    def answered(self, rows: Rows) -> object:
        """The answer from these rows, or a ``Failure``."""
        own = [self.by_partition[p.number] for p in rows.partitions[:1] if self.by_partition]
        try:
            return self.answer(self.node, rows, *self.arguments, *own)
        except (EngineError, MemoryError):
            raise
        except Exception as error:  # one metric's failure is that metric's result
            return Failure(str(error))


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A pass: the table and the questions."""

    layout: Layout
    questions: Sequence[MetricQuestion]


def partition_tasks(scan: Scan) -> list[Delayed]:
    """A task a partition; the questions are sent once."""
    shared = delayed(scan, pure=False, traverse=False)
    task = delayed(answer_partition, pure=False, traverse=False)
    return [task(shared, number) for number in range(len(scan.layout.partitions))]


def whole_table_task(scan: Scan) -> Delayed:
    """One task that has the rows of all partitions at once."""
    return delayed(answer_whole_table, pure=False, traverse=False)(
        delayed(scan, pure=False, traverse=False)
    )


def answer_partition(scan: Scan, number: int) -> list[Any]:
    """An answer or a ``Failure`` for each question, from one partition."""
    return _answers(scan, Rows(scan.layout, [scan.layout.partitions[number]]))


def answer_whole_table(scan: Scan) -> list[Any]:
    """An answer or a ``Failure`` for each question, from the whole table."""
    return _answers(scan, Rows(scan.layout, scan.layout.partitions))


def _answers(scan: Scan, rows: Rows) -> list[Any]:
    reads = [columns_read(question.node, scan.layout) for question in scan.questions]
    # Questions about the same columns one after the other.
    order = sorted(range(len(reads)), key=lambda index: (reads[index], index))
    last = {name: index for index in order for name in reads[index]}
    if _bytes(scan.layout, last, rows) < READ_AT_ONCE_BYTES:
        rows.read(last)
    answers: list[Any] = [None] * len(reads)
    for index in order:
        rows.read(reads[index])
        answers[index] = scan.questions[index].answered(rows)
        rows.forget(name for name in reads[index] if last[name] == index)
    return answers


def _bytes(layout: Layout, names: Mapping[str, Any], rows: Rows) -> float:
    share = rows.count / max(layout.rows, 1)
    return share * sum(layout.widths.get(name, 0) for name in names)
