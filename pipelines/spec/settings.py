"""Changing a declaration's settings for one run: ``training.epochs=3``, ``model=deep_cross``.

Why: a run tried with other settings must not edit the declaration, and its manifest must
    record what it really used.
Promise: a value is parsed as the type of the setting it replaces; the changed declaration is
    checked again as a whole.
"""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from pipelines.declared import nearest
from pipelines.errors import ConfigError
from pipelines.spec.checks import require_valid
from pipelines.spec.models import kind_of, model_of_kind
from pipelines.spec.pipeline import Pipeline

FLAG = bool | None  # not set, or as somebody wants it


def with_settings(pipeline: Pipeline, assignments: Iterable[str]) -> Pipeline:
    """The pipeline with ``section.name=value`` settings replaced.

    Raises:
        ConfigError: An unknown setting, with the nearest known one, or a value of another type.
        DeclarationError: The settings do not fit together.
    """
    for assignment in assignments:
        path, found, text = assignment.partition("=")
        if not found:
            raise ConfigError(f"--set {assignment!r} needs the form section.name=value.")
        pipeline = _replaced(pipeline, path.strip().split("."), text.strip(), path.strip())
    return require_valid(pipeline)


def _replaced(part: Any, path: list[str], text: str, whole: str) -> Any:
    name, *rest = path
    if isinstance(part, Pipeline) and path == ["model"]:
        declared = text == kind_of(part.model)
        return part if declared else dataclasses.replace(part, model=model_of_kind(text))
    fields = dataclasses.fields(part)
    settable = [f.name for f in fields if f.type == FLAG or _is_settable(getattr(part, f.name))]
    if name not in settable:
        raise ConfigError(
            f"--set {whole}: {name!r} is not a setting. {nearest(name, settable)}"
        )
    old = getattr(part, name)
    if rest and dataclasses.is_dataclass(old):
        return dataclasses.replace(part, **{name: _replaced(old, rest, text, whole)})
    if rest or dataclasses.is_dataclass(old):
        raise ConfigError(f"--set {whole}: {name!r} does not name a single value.")
    return dataclasses.replace(part, **{name: _parsed(text, old, whole)})


def _is_settable(value: object) -> bool:
    plain = isinstance(value, int | float | str)
    numbers = isinstance(value, tuple) and all(isinstance(v, int | float) for v in value)
    return plain or numbers or dataclasses.is_dataclass(value)


def _parsed(text: str, old: object, whole: str) -> object:
    if old is None:  # a flag that is not set
        return _parsed(text, True, whole)
    if isinstance(old, str):
        return text
    try:
        value = json.loads(f"[{text}]" if isinstance(old, tuple) else text)
    except json.JSONDecodeError:
        value = None
    if isinstance(old, tuple) and isinstance(value, list):
        # Written with brackets, as in JSON, it means the same.
        value = value[0] if len(value) == 1 and isinstance(value[0], list) else value
        if all(isinstance(each, int | float) for each in value):
            return tuple(value)
    if isinstance(old, float) and isinstance(value, int | float):
        return float(value)
    if isinstance(value, type(old)):
        return value
    raise ConfigError(f"--set {whole}={text}: expected a value like {old!r}.")
