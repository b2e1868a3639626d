"""What a stage is handed to run its tasks on.

Why: ``map``, ``each`` and ``tree`` are all that most stages need; ``run`` takes any graph.
Promise: results come in the order of the items, whatever finished first; ``each`` keeps none.
Not here: making graphs (``graph.py``), where they run (``threads.py``, ``cluster.py``), what is
    done for want of memory (``splitting.py``).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from dask.delayed import Delayed
from dask.utils import funcname

from pipelines.shared.compute.graph import calls, merged
from pipelines.shared.compute.splitting import Starved, attempt, fed

OnDone = Callable[[Any], None]
Take = Callable[[Any], Any]
"""Called with a task's result; what it hands back is kept in the result's place."""


class Compute(ABC):
    """Something that runs tasks.

    Attributes:
        workers: Threads or processes that run them.
        array_module: ``cupy`` where the workers hold a GPU each, else ``numpy``.
        dashboard: Address of Dask's own page about the work; empty where there is none.
    """

    workers: int
    array_module: str = "numpy"
    dashboard: str = ""

    @abstractmethod
    def run(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """Run tasks and what they depend on, and hand back their results in order.

        Args:
            tasks: The tasks whose results are wanted.
            on_done: Called here, on the caller's thread, with each result as it comes.

        Raises:
            WorkerLostError: Workers that ran a task died, again and again; or none is left.
            OutOfMemoryError: A task found no memory.
            TransientError: The scheduler went away.
            Exception: Whatever a task raised.
        """

    @abstractmethod
    def attempts(self, tasks: Sequence[Delayed], take: Take) -> list[Any]:
        """What ``take`` hands back for each result; where its workers died, for ``Starved``.

        Of a result itself nothing is held once it was taken, here or on a worker.
        """

    @abstractmethod
    def describe(self) -> str:
        """What tasks run on, for messages: ``2 worker processes of 2.0 GiB``."""

    def map(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        on_done: OnDone | None = None,
    ) -> list[Any]:
        """Call a function on each item; hand back the results, and tell of each as it comes.

        An item that is ``Splittable`` is split when it finds no memory, or when its workers die
        again and again, which is most often the same.
        """
        return self._taken(function, list(items), telling(on_done))

    def each(
        self, function: Callable[[Any], Any], items: Iterable[Any], on_done: OnDone
    ) -> None:
        """As ``map``, but a result is handed over as it comes, and kept nowhere after that.

        So of many large results this process holds one at a time. On a cluster the others wait on
        their workers, which spill them to disk where they are too many.
        """
        self._taken(function, list(items), telling(on_done, keep=False))

    def tree(self, merge: Callable[[list[Any]], Any], parts: Sequence[Any]) -> Any:
        """Merge parts, values or tasks, in their order; ``graph.merged`` says how."""
        whole = merged(merge, parts)
        return self.run([whole])[0] if isinstance(whole, Delayed) else whole

    def _taken(
        self, function: Callable[[Any], Any], items: Sequence[Any], take: Take
    ) -> list[Any]:
        run = partial(self._attempted, function, take=telling(None))
        found = self._attempted(function, items, take)
        for place, result in enumerate(found):
            if isinstance(result, Starved):
                found[place] = take(fed(items[place], result, run, self.describe()))
        return found

    def _attempted(
        self, function: Callable[[Any], Any], items: Sequence[Any], take: Take
    ) -> list[Any]:
        tasks = calls(partial(attempt, function), items, funcname(function))
        return self.attempts(tasks, take)


def telling(on_done: OnDone | None, *, keep: bool = True) -> Take:
    """Tells of each result that is one, and keeps it or not."""

    def take(result: Any) -> Any:
        if isinstance(result, Starved):
            return result
        if on_done is not None:
            on_done(result)
        return result if keep else None

    return take
