"""The interface through which a stage runs its tasks.

Why: ``map``, ``each`` and ``tree`` are all that most stages need; ``run`` takes any graph.
Promise: results are in the order of the items, whichever finished first; ``each`` keeps none.
Not here: making graphs (``graph.py``), the backends (``threads.py``, ``cluster.py``), tasks that
    run out of memory (``splitting.py``).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from dask.delayed import Delayed
from dask.utils import funcname

from pipelines.shared.compute.graph import calls, merged
from pipelines.shared.compute.splitting import OutOfMemoryResult, attempt, retried_smaller

OnDone = Callable[[Any], None]
Take = Callable[[Any], Any]
"""Called with a task's result; its return value is kept instead of the result."""


class Compute(ABC):
    """An open backend that runs tasks.

    Attributes:
        workers: Threads or processes that run them.
        array_module: ``cupy`` where each worker has a GPU, else ``numpy``.
        dashboard: Address of Dask's dashboard; empty where there is none.
    """

    workers: int
    array_module: str = "numpy"
    dashboard: str = ""

    @abstractmethod
    def run(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """Run tasks and their dependencies, and return their results in order.

        Args:
            tasks: The tasks whose results are wanted.
            on_done: Called on the caller's thread with each result as it arrives.

        Raises:
            WorkerLostError: Workers that ran a task died repeatedly; or none is left.
            OutOfMemoryError: A task ran out of memory.
            TransientError: The scheduler was lost.
            Exception: Whatever a task raised.
        """

    @abstractmethod
    def attempts(self, tasks: Sequence[Delayed], take: Take) -> list[Any]:
        """Run tasks; return the value of ``take`` for each result or ``OutOfMemoryResult``.

        A result is released, here and on its worker, once ``take`` has returned.
        """

    @abstractmethod
    def describe(self) -> str:
        """The backend, for messages: ``2 worker processes of 2.0 GiB``."""

    def map(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        on_done: OnDone | None = None,
    ) -> list[Any]:
        """Call a function on each item; return the results, and pass each to ``on_done``.

        An item that is ``Splittable`` is split when it runs out of memory, or when its workers die
        repeatedly, which most often has the same cause.
        """
        return self._taken(function, list(items), result_handler(on_done))

    def each(
        self, function: Callable[[Any], Any], items: Iterable[Any], on_done: OnDone
    ) -> None:
        """As ``map``, but each result is passed to ``on_done`` as it arrives and is not kept.

        This process then holds one of many large results at a time. On a cluster the others stay
        on their workers, which spill them to disk when memory runs short.
        """
        self._taken(function, list(items), result_handler(on_done, keep=False))

    def tree(self, merge: Callable[[list[Any]], Any], parts: Sequence[Any]) -> Any:
        """Merge parts, values or tasks, in their order; ``graph.merged`` says how."""
        whole = merged(merge, parts)
        return self.run([whole])[0] if isinstance(whole, Delayed) else whole

    def _taken(
        self, function: Callable[[Any], Any], items: Sequence[Any], take: Take
    ) -> list[Any]:
        run = partial(self._attempted, function, take=result_handler(None))
        found = self._attempted(function, items, take)
        for index, result in enumerate(found):
            if isinstance(result, OutOfMemoryResult):
                found[index] = take(retried_smaller(items[index], result, run, self.describe()))
        return found

    def _attempted(
        self, function: Callable[[Any], Any], items: Sequence[Any], take: Take
    ) -> list[Any]:
        tasks = calls(partial(attempt, function), items, funcname(function))
        return self.attempts(tasks, take)


def result_handler(on_done: OnDone | None, *, keep: bool = True) -> Take:
    """Pass each result to ``on_done``, and keep it or not; out-of-memory results are kept."""

    def take(result: Any) -> Any:
        if isinstance(result, OutOfMemoryResult):
            return result
        if on_done is not None:
            on_done(result)
        return result if keep else None

    return take
