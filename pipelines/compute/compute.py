"""What a stage is handed to run its tasks on.

Why: ``map`` and ``tree`` are all that most stages need; ``run`` takes any graph.
Promise: results come in the order of the items, whatever finished first.
Not here: making graphs (``graph.py``), where they run (``threads.py``, ``cluster.py``), what is
    done for want of memory (``splitting.py``).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from dask.delayed import Delayed
from dask.utils import funcname

from pipelines.compute.graph import calls, merged
from pipelines.compute.splitting import Starved, attempt, fed

OnDone = Callable[[Any], None]


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
    def attempts(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """As ``run``, but a task whose workers died has ``Starved`` for a result."""

    @abstractmethod
    def describe(self) -> str:
        """What tasks run on, for messages: ``2 worker processes of 2.0 GiB``."""

    def map(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        on_done: OnDone | None = None,
    ) -> list[Any]:
        """Call a function on each item.

        An item that is ``Splittable`` is split when it finds no memory, or when its workers die
        again and again, which is most often the same.
        """
        items = list(items)
        run = partial(self._attempted, function)
        found = self._attempted(function, items, on_done)
        for place, result in enumerate(found):
            if isinstance(result, Starved):
                found[place] = fed(items[place], result, run, self.describe())
                if on_done is not None:
                    on_done(found[place])
        return found

    def tree(self, merge: Callable[[list[Any]], Any], parts: Sequence[Any]) -> Any:
        """Merge parts, values or tasks, in their order; ``graph.merged`` says how."""
        whole = merged(merge, parts)
        return self.run([whole])[0] if isinstance(whole, Delayed) else whole

    def _attempted(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        on_done: OnDone | None = None,
    ) -> list[Any]:
        def tell(result: Any) -> None:
            if on_done is not None and not isinstance(result, Starved):
                on_done(result)

        return self.attempts(calls(partial(attempt, function), items, funcname(function)), tell)
