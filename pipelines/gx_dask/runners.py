"""What runs the engine's tasks: threads of this process, or workers of a Dask cluster.

Why: the engine needs one thing of whatever computes, and leaves the rest to its caller: to run
    tasks and return their results in order.
Promise: results do not depend on the runner. A cluster that was started here is stopped at the
    end, listens on the loopback device alone, and talks TLS by a key of its own.
Not here: which runner is used now (``current_runner.py``).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dask import threaded
from dask.delayed import Delayed
from dask.system import CPU_COUNT

from pipelines.gx_dask.errors import RunnerUnavailableError, require_at_least

if TYPE_CHECKING:
    from distributed import Client

# Below it, starting worker processes and feeding them costs more than they save.
IN_PROCESS_BELOW_ROWS = 20_000_000
LOOPBACK = "127.0.0.1"


@runtime_checkable
class Runner(Protocol):
    """Something that runs Dask tasks."""

    @property
    def workers(self) -> int:
        """Threads or processes that run tasks at once."""

    def run(self, tasks: Sequence[Delayed]) -> list[Any]:
        """Run tasks and what they depend on, and return their results in order.

        Raises:
            Exception: Whatever a task raised, or what says that the tasks could not be run.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """Which runner a data source asks for.

    Attributes:
        scheduler: Address of a running Dask scheduler (``tcp://host:8786``); empty for none.
        in_process_below_rows: Tables with fewer rows are validated on this process's threads.
        workers: Threads or worker processes; 0 for one a core.
    """

    scheduler: str = ""
    in_process_below_rows: int = IN_PROCESS_BELOW_ROWS
    workers: int = 0

    def __post_init__(self) -> None:
        require_at_least(
            0, in_process_below_rows=self.in_process_below_rows, workers=self.workers
        )


OpenRunner = Callable[[int, RunnerSettings], AbstractContextManager[Runner]]
"""Opens a runner for a table of so many rows."""


class ThreadRunner:
    """This process's threads."""

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or CPU_COUNT

    def run(self, tasks: Sequence[Delayed]) -> list[Any]:
        """See ``Runner.run``."""
        # dask.compute would import distributed, half a second, to look for a client.
        graph = {key: step for task in tasks for key, step in task.__dask_graph__().items()}
        return list(threaded.get(graph, [task.key for task in tasks], num_workers=self.workers))


class ClientRunner:
    """The workers of a Dask cluster, through its client."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))

    def run(self, tasks: Sequence[Delayed]) -> list[Any]:
        """See ``Runner.run``."""
        return list(self._client.gather(self._client.compute(list(tasks))))


@contextmanager
def open_runner(rows: int, settings: RunnerSettings) -> Iterator[Runner]:
    """The runner that the settings ask for; what was started for it is stopped at the end."""
    if settings.scheduler:
        with _client_of(settings.scheduler) as client:
            yield ClientRunner(client)
    elif rows < settings.in_process_below_rows:
        yield ThreadRunner(settings.workers)
    else:
        with _local_client(settings.workers) as client:
            yield ClientRunner(client)


def _client_of(scheduler: str) -> "Client":
    from distributed import Client

    try:
        return Client(scheduler)
    except (OSError, ValueError) as error:  # TimeoutError among them
        raise RunnerUnavailableError(
            f"the Dask scheduler {scheduler} does not answer ({error or type(error).__name__}). "
            f"Expected an address such as tcp://host:8786 of a running one. Start it, or correct "
            f"the data source's scheduler."
        ) from error


@contextmanager
def _local_client(workers: int) -> "Iterator[Client]":
    from distributed import Client, LocalCluster
    from distributed.security import Security

    with (
        LocalCluster(
            n_workers=workers or CPU_COUNT,
            threads_per_worker=1,
            processes=True,
            host=LOOPBACK,
            dashboard_address=f"{LOOPBACK}:0",
            security=Security.temporary(),
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
