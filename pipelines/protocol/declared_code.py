"""Which code of its user a declaration brings along.

Why: an operator or a source may be a class of the user's own, which no stage names.
Promise: every object that a part of a declaration contains is looked at; classes of the library are left
    to identity, which finds them by itself.
"""

import dataclasses
from collections.abc import Iterator

from pipelines.spec.locations import DOMAINS, PROJECTS

LIBRARY = f"{__name__.partition('.')[0]}."


def declared_code(declared: object) -> tuple[str, ...]:
    """Dotted names of users' classes among declared objects, for ``code_of``."""
    return tuple(
        sorted({f"{_dotted(each)}.*" for each in _classes(declared) if _is_users(each)})
    )


def _classes(value: object) -> Iterator[type]:
    if isinstance(value, tuple | list):
        for each in value:
            yield from _classes(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield type(value)
        for field in dataclasses.fields(value):
            yield from _classes(getattr(value, field.name))


def _dotted(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__.partition('.')[0]}"


def _is_users(kind: type) -> bool:
    name = kind.__module__
    return not name.startswith(LIBRARY) or name.startswith((f"{PROJECTS}.", f"{DOMAINS}."))
