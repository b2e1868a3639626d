"""Options of a run that decide the backend of a stage's tasks.

Why: the same stage runs on a laptop and on a cluster, and its result must not depend on which,
    so the backend is an option of the run and not part of the declaration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipelines.core.errors import ConfigError

# Reading 6 M rows for windows took 1.5 CPU-s and 0.9 s on two threads, 4.8 CPU-s and 3.2 s on two
# worker processes. Starting and feeding these costs 3 CPU-s, as much as the work at 15-20 M.
IN_PROCESS_BELOW_ROWS = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSettings:
    """Options that decide where tasks run.

    Attributes:
        scheduler: Address of a running Dask scheduler (``tcp://host:8786``); empty for none.
        in_process_below_rows: Work that reads fewer rows runs on this process's threads: a
            cluster takes seconds to start.
        workers: Threads or worker processes; 0 for one per core (or one per GPU).
    """

    scheduler: str = ""
    in_process_below_rows: int = IN_PROCESS_BELOW_ROWS
    workers: int = 0

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Settings from a stage's options: ``scheduler``, ``in_process_below_rows``, ``workers``.

        Raises:
            ConfigError: A number is not an integer, 0 or more.
        """
        return cls(
            scheduler=str(options.get("scheduler", "")),
            in_process_below_rows=_whole(
                options, "in_process_below_rows", IN_PROCESS_BELOW_ROWS
            ),
            workers=_whole(options, "workers", 0),
        )


def _whole(options: Mapping[str, Any], name: str, default: int) -> int:
    value = options.get(name, default)
    try:
        number = -1 if isinstance(value, bool) else int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise ConfigError(f"option {name} must be an integer, 0 or more; got {value!r}.")
    return number
