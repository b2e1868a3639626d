"""Whether each field of a record has the type that it is declared with.

Why: a text where a tuple belongs is read as many names of one letter, and ``timeout=5`` fails in whoever
    reads it, far from the record.
Promise: what these checks let through can be compared and looked through by every other check.
"""

from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from pipelines.protocol.stage import Stage


def type_problems(stage: Stage) -> list[str]:
    """One line for each field of a record, its options, pages and outlets of another type."""
    problems = list(_wrong_fields(stage, ""))
    if not problems:
        for each in (*stage.options, *stage.pages, *stage.outlets):
            problems += _wrong_fields(each, f"{type(each).__name__} ")
    return problems


def _wrong_fields(record: Any, of: str) -> Iterator[str]:
    for name, kind in get_type_hints(type(record)).items():
        value = getattr(record, name)
        if not _is_a(value, kind):
            yield f"{of}{name} is {value!r:.80}, and must be {_said(kind)}"


def _is_a(value: object, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        return isinstance(value, tuple) and all(_is_a(each, inner) for each in value)
    if kind is int:
        return type(value) is int
    return isinstance(value, kind)


def _said(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a tuple of {get_args(kind)[0].__name__}, such as (x,)"
    return f"of type {kind.__name__}"
