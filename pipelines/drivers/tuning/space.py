"""From a declared search to the settings of one trial.

Why: a trial must be described by the settings that a user would pass, so that its winner can be.
Promise: a setting that the drawn network kind does not have is omitted.
"""

import dataclasses
from typing import Any, Protocol

from pipelines.spec import Pipeline, Range, kind_of, with_settings


class TrialSampler(Protocol):
    """The methods of an Optuna trial that draw values."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number between two bounds."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Draw an integer between two bounds."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Draw one of the given values."""


def draw(trial: TrialSampler, pipeline: Pipeline) -> tuple[str, ...]:
    """Draw the settings of one trial, ``section.name=value``, the network kind first."""
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


def _drawn(trial: TrialSampler, item: Any, pipeline: Pipeline, kind: str) -> object:
    if not isinstance(item, Range):
        return trial.suggest_categorical(item.setting, item.texts())
    section, _, name = item.setting.rpartition(".")
    del kind
    if isinstance(getattr(getattr(pipeline, section), name), int):
        return trial.suggest_int(item.setting, int(item.low), int(item.high), log=item.log)
    return trial.suggest_float(item.setting, item.low, item.high, log=item.log)
