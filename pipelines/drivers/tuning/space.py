"""From a declared search to the settings of one trial.

Why: a trial must be told as the settings a person would pass, so that its winner can be.
Promise: a setting that the drawn kind of network does not have is left out.
"""

import dataclasses
from typing import Any, Protocol

from pipelines.spec import Pipeline, Range, kind_of, with_settings


class Draws(Protocol):
    """What a trial of the search library offers."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number between two."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number between two."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of some values."""


def draw(trial: Draws, pipeline: Pipeline) -> tuple[str, ...]:
    """Settings of one trial, ``section.name=value``, the kind of network first."""
    space = sorted(pipeline.search.space, key=lambda item: item.setting != "model")
    settings: list[str] = []
    for item in space:
        now = with_settings(pipeline, settings)
        section, _, name = item.setting.rpartition(".")
        if section and not _has(getattr(now, section), name):
            continue
        settings.append(f"{item.setting}={_drawn(trial, item, now, kind_of(now.model))}")
    return tuple(settings)


def _has(part: Any, name: str) -> bool:
    return name in {field.name for field in dataclasses.fields(part)}


def _drawn(trial: Draws, item: Any, pipeline: Pipeline, kind: str) -> object:
    if not isinstance(item, Range):
        return trial.suggest_categorical(item.setting, item.texts())
    section, _, name = item.setting.rpartition(".")
    del kind
    if isinstance(getattr(getattr(pipeline, section), name), int):
        return trial.suggest_int(item.setting, int(item.low), int(item.high), log=item.log)
    return trial.suggest_float(item.setting, item.low, item.high, log=item.log)
