"""Change a declaration's settings for one run: ``training.epochs=3``, ``model=deep_cross``.

Why: a run with other settings must not edit the declaration, and its manifest must record the
    settings that it used.
Promise: a value is parsed as the type of the setting it replaces; the changed declaration is
    checked again as a whole. Names of the pipeline and of code cannot be set: a user of a form may
    choose numbers, not programs.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.spec.checks import require_valid
from pipelines.spec.models import Builder, kind_of, model_of_kind
from pipelines.spec.pipeline import Pipeline

# Larger integers are not counts, and not all of them are exact as floats.
LARGEST = 2**53
# Fields that may be None, not set, and a value like those that they take.
OPTIONAL: Mapping[Any, object] = {bool | None: True, float | None: 0.5}

FIXED = {
    (Pipeline, "name"): "it identifies the pipeline in the store, the registry and the DAGs",
    (Builder, "function"): "it names code that would be run",
}
"""Texts that only the declaration sets, and why."""


def with_settings(pipeline: Pipeline, assignments: Iterable[str]) -> Pipeline:
    """The pipeline with ``section.name=value`` settings replaced.

    Raises:
        ConfigError: An unknown setting, with the nearest known one; one that only the declaration
            sets; or a value that is empty, non-finite or of another type. All of them are listed.
        DeclarationError: The settings are inconsistent.
    """
    mistakes: list[ConfigError] = []
    for assignment in assignments:
        try:
            pipeline = _assigned(pipeline, assignment)
        except ConfigError as error:
            mistakes.append(error)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        listed = "".join(f"\n  {n}. {error}" for n, error in enumerate(mistakes, start=1))
        raise ConfigError(f"{len(mistakes)} settings cannot be used:{listed}")
    return require_valid(pipeline)


def _assigned(pipeline: Pipeline, assignment: str) -> Pipeline:
    path, found, text = assignment.partition("=")
    if not found:
        raise ConfigError(f"--set {assignment!r} needs the form section.name=value.")
    made: Pipeline = _replaced(pipeline, path.strip().split("."), text.strip(), path.strip())
    return made


def _replaced(part: Any, path: list[str], text: str, whole: str) -> Any:
    name, *rest = path
    if isinstance(part, Pipeline) and path == ["model"]:
        declared = text == kind_of(part.model)
        return part if declared else dataclasses.replace(part, model=model_of_kind(text))
    field = _field(part, name, whole)
    old = getattr(part, name)
    if not dataclasses.is_dataclass(old):
        value = _value(old, field, text, whole, single=not rest)
    elif rest:
        value = _replaced(old, rest, text, whole)
    elif text or field.default is not None:
        raise _not_single(whole, name)
    else:
        value = None
    return dataclasses.replace(part, **{name: value})


def _value(
    old: object, field: "dataclasses.Field[Any]", text: str, whole: str, *, single: bool
) -> object:
    """The value of a text for a setting that is no group of settings."""
    if not single:
        raise _not_single(whole, field.name)
    if not text and field.default not in ("", ()):
        raise ConfigError(f"--set {whole}=: a value is missing; expected one like {old!r}.")
    return _parsed(text, old, field, whole)


def _not_single(whole: str, name: str) -> ConfigError:
    return ConfigError(f"--set {whole}: {name!r} does not name a single value.")


def _field(part: Any, name: str, whole: str) -> "dataclasses.Field[Any]":
    """The field of that name, if it may be set."""
    if why := FIXED.get((type(part), name)):
        raise ConfigError(
            f"--set {whole}: {name!r} can only be set in the declaration, as {why}."
        )
    fields = {f.name: f for f in dataclasses.fields(part) if _is_settable(part, f)}
    if name not in fields:
        raise ConfigError(f"--set {whole}: {name!r} is not a setting. {nearest(name, fields)}")
    return fields[name]


def _is_settable(part: Any, field: "dataclasses.Field[Any]") -> bool:
    value = getattr(part, field.name)
    if (type(part), field.name) in FIXED:
        return False
    plain = isinstance(value, int | float | str) or dataclasses.is_dataclass(value)
    return plain or field.type in OPTIONAL or _is_numbers(field)


def _numbers(text: str, kind: type) -> tuple[object, ...]:
    """Numbers of a tuple; brackets, as in JSON, are optional."""
    values = json.loads(f"[{text}]")
    values = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    return tuple(_number(each, kind) for each in values)


def _is_numbers(field: "dataclasses.Field[Any]") -> bool:
    return get_origin(field.type) is tuple and get_args(field.type)[0] in (int, float)


def _parsed(text: str, old: object, field: "dataclasses.Field[Any]", whole: str) -> object:
    if old is None:
        old = OPTIONAL[field.type]
    if isinstance(old, str):
        return text
    try:
        if _is_numbers(field):
            return _numbers(text, get_args(field.type)[0])
        value = json.loads(text)
        is_flag = isinstance(old, bool) and isinstance(value, bool)
        return value if is_flag else _number(value, type(old))
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"--set {whole}={_clipped(text)}: expected a value like {_clipped(repr(old))}{_why(error)}."
        ) from error


class _NumberError(ValueError):
    """Its message says which number is expected."""


def _number(value: object, kind: type) -> int | float:
    """A finite number of that type; ``true`` is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or kind is bool:
        raise _NumberError("true or false" if kind is bool else "a number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise _NumberError(f"at most {LARGEST:,} away from 0")
    if not math.isfinite(value):
        raise _NumberError("a finite number")
    if kind is float:
        return float(value)
    if not isinstance(value, int):
        raise _NumberError("an integer")
    return value


def _why(error: Exception) -> str:
    return f", {error}" if isinstance(error, _NumberError) else ""


def _clipped(text: str, limit: int = 100) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
