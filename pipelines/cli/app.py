"""Putting the commands together and turning errors into exit codes.

Why: a script must distinguish bad data (3), a passing fault (4) and a typo (2).
Promise: an error prints one sentence, with what to do; a fault of the program its traceback too.
"""

import logging
import os
import sys
from typing import NoReturn

import typer

from pipelines.cli import (
    artifacts,
    authoring,
    backtest,
    branch,
    forget,
    local,
    models,
    pages,
    quarantine,
    reachable,
    run,
    score,
    settled,
    stage,
    tune,
)
from pipelines.cli.program import program
from pipelines.core.causes import sorted_by_cause, unexpected
from pipelines.core.errors import ConfigError, PipelineError
from pipelines.core.masking import traceback_of
from pipelines.core.rights import chosen_umask
from pipelines.core.text import readable

TRACEBACK_CHARS = 50_000

app = typer.Typer(
    name="millrace",
    help="Daily data in, evaluated models out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (
    authoring,
    local,
    run,
    score,
    stage,
    tune,
    backtest,
    quarantine,
    pages,
    models,
    artifacts,
    branch,
    reachable,
    forget,
    settled,
):
    module.register(app)


class _Readable(logging.Formatter):
    """A log's lines without what a value of the data could do to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, and the traceback if it has one."""
        return readable(super().format(record), TRACEBACK_CHARS, lines=True)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code; what it writes is its user's alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Readable())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        os.umask(chosen_umask())
        code = app(args=argv, prog_name=program(), standalone_mode=False)
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        code = error.exit_code
    except (typer.Exit, typer.Abort) as end:
        code = getattr(end, "exit_code", 1)
    except KeyboardInterrupt:
        sys.stderr.write("stopped.\n")
        code = 130
    except Exception as error:
        code = _foreign(error)
    sys.exit(code if isinstance(code, int) else 0)


def _foreign(error: Exception) -> int:
    """Print an error that is not ours, and return its exit code."""
    if hasattr(error, "show"):  # usage errors carry how to print themselves
        error.show()
        return ConfigError.exit_code
    ours = sorted_by_cause(error, "millrace")
    if ours is None:
        sys.stderr.write(readable(traceback_of(error), TRACEBACK_CHARS, lines=True))
        ours = unexpected(error, "millrace")
    sys.stderr.write(f"error: {ours}\n")
    return ours.exit_code
