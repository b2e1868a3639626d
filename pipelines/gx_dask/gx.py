"""Great Expectations, imported without its side effects on the process.

Why: the import alone writes 200 log lines, captures every warning of the process and sets
    warning filters of its own; a library in a stage must do none of that.
Promise: whoever imported it first, after ``load`` warnings are the process's own again.
Source: measured with great-expectations 1.24.1.
"""

import logging
import warnings
from functools import cache
from types import ModuleType


@cache
def load() -> ModuleType:
    """The ``great_expectations`` module."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        import great_expectations

        logging.captureWarnings(False)
    # This module sets a level of its own at import, under which the parent's means nothing.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.NOTSET)
    return great_expectations
