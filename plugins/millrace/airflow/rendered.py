"""What rendered templates give: lines of settings, options and inputs for a command.

Why: a form's list renders to several lines, and a template without a value to an empty one.
Promise: what has no value is left out of the command.
"""

import re
from collections.abc import Sequence

_BLANK_LINES = re.compile(r"[\r\n]+")


def flags(name: str, texts: Sequence[str]) -> list[str]:
    """An option of the command line for each line that has a value.

    A line that renders to ``key=`` was not asked for: its Variable is not set, or its task made nothing.
    """
    return [word for line in given(texts) for word in (name, line)]


def given(texts: Sequence[str]) -> list[str]:
    """The lines ``key=value`` that have a value."""
    return [line for line in lines(texts) if not line.endswith("=")]


def lines(texts: Sequence[str]) -> list[str]:
    """The non-empty lines of rendered templates: a form's list renders to several."""
    return [line.strip() for text in texts for line in _BLANK_LINES.split(text) if line.strip()]
