"""Frozen declaration classes that collect their mistakes instead of stopping at the first.

Why: a declaration with five misspelt settings should be corrected once, not five times.
Promise: constructing a declared class never raises; the mistakes of the call are in its
    ``mistakes``, each with the nearest valid spelling.
Not here: whether the values are consistent (``pipelines/spec/checks/``).
"""

import dataclasses
import difflib
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


def nearest(name: object, known: Iterable[str]) -> str:
    """The hint that ends an error about an unknown name."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    if not known:
        return "None is declared."
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."


def unknown(what: str, name: object, known: Iterable[str]) -> Iterator[str]:
    """The mistake of a name that is not among the declared ones; none for a missing field."""
    known = list(known)
    if name is not None and name not in known:
        yield f"{what} {name!r} is not declared. {nearest(name, known)}"


@dataclass_transform(frozen_default=True)
def declared(cls: type[T]) -> type[T]:
    """Turn a class into a frozen dataclass whose constructor keeps its mistakes."""
    made = dataclasses.dataclass(frozen=True)(cls)
    plain_init = made.__init__
    fields = {f.name: f for f in dataclasses.fields(made)}  # type: ignore[arg-type]

    def collecting_init(self: Any, *args: object, **given: object) -> None:
        given |= zip(fields, args, strict=False)
        mistakes = [
            f"{cls.__name__}: {name!r} is not a setting. {nearest(name, fields)}"
            for name in given.keys() - fields.keys()
        ]
        if len(args) > len(fields):
            mistakes.append(
                f"{cls.__name__}: takes {len(fields)} positional values, got {len(args)}."
            )
        for name, field in fields.items():
            if name not in given and _required(field):
                given[name] = None
                mistakes.append(f"{cls.__name__}: {name!r} is missing.")
        plain_init(self, **{name: value for name, value in given.items() if name in fields})
        object.__setattr__(self, "mistakes", tuple(sorted(mistakes)))

    made.__init__ = collecting_init  # type: ignore[method-assign]
    return made


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def mistakes_in(value: object, where: str = "") -> Iterable[str]:
    """Every construction mistake in a tree of declared objects, with its path in the tree."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return
    for text in getattr(value, "mistakes", ()):
        yield f"{where}{text}"
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        for item in inner if isinstance(inner, tuple) else (inner,):
            label = getattr(item, "name", None)
            step = f"{field.name}[{label}]" if label else field.name
            yield from mistakes_in(item, f"{where}{step}: ")
