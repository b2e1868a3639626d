"""Which registered version scores a day: the champion of then, or one that is asked for; and challengers beside it.

Why: a day must be scored, and scored again, with the model that was in use on it, whichever is in use now.
Promise: only the registry and manifests are read; a model that cannot be used is an error that names those that can.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.core.errors import (
    ConfigError,
    InputMissingError,
    NoChampionError,
    listed,
)
from pipelines.core.store import Manifest, Ref
from pipelines.protocol import Work, giver_of
from pipelines.shared.registry import (
    Registered,
    Version,
    champion_on,
    read_registry,
    registry_uri,
)
from pipelines.stages.score.record import SHADOW, VERSION


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A registered version and its artifact."""

    version: Version
    manifest: Manifest

    def facts(self) -> dict[str, Any]:
        """What the published scores say of it."""
        return {
            "version": self.version.number,
            "as_of": self.version.as_of,
            "seed": self.version.tags.get("seed", ""),
            "digest": self.manifest.digest,
        }


@dataclass(frozen=True, slots=True)
class ChosenModels:
    """The model that scores a day, and the challengers that do so in its shadow."""

    own: ChosenModel
    shadow: tuple[ChosenModel, ...] = ()


def chosen_models(work: Work) -> ChosenModels:
    """The champion of the first day of the work's partition, or the version that is asked for.

    Raises:
        ConfigError: An option names no version, or one twice.
        NoChampionError: No version was the champion then.
        InputMissingError: The store no longer has the model.
    """
    asked, shadow = _version_asked(work.options), _shadow_asked(work.options)
    uri = registry_uri(work.store, work.options.get("mlflow_uri"))
    held = read_registry(uri, work.registered_name)
    if work.store.branch and not held.versions:
        held = read_registry(uri, work.pipeline.name)
    own = _champion(work, held, uri) if asked is None else _of_number(held, asked, VERSION.name)
    if own.number in shadow:
        raise ConfigError(
            f"--option {SHADOW.name}={work.options[SHADOW.name]}: {own.title} scores this partition itself. Leave "
            f"it out, or choose other versions ({_versions(held)})."
        )
    challengers = [_of_number(held, number, SHADOW.name) for number in shadow]
    return ChosenModels(
        _in_store(work, own), tuple(_in_store(work, each) for each in challengers)
    )


def _champion(work: Work, held: Registered, uri: str) -> Version:
    day = work.pipeline.partitions().first_day(work.day)
    found = champion_on(held, day)
    if found is None:
        raise NoChampionError(
            f"{work.report.work}: no version of {work.pipeline.name} was the champion on {day} (registry {uri}: "
            f"{_versions(held)}). Promote a model whose as-of day is not after it, or score with "
            f"a chosen version: --option {VERSION.name}=N."
        )
    return found


def _versions(held: Registered) -> str:
    names = [f"{each.number} as of {each.as_of or 'unknown'}" for each in held.versions]
    return f"versions: {listed(names)}" if names else "no version is registered"


def _of_number(held: Registered, number: int, option: str) -> Version:
    found = held.version(number)
    if found is None:
        raise ConfigError(
            f"--option {option}: version {number} is not registered. Choose another one ({_versions(held)})."
        )
    return found


def _in_store(work: Work, version: Version) -> ChosenModel:
    if not (version.digest and version.as_of):
        raise ConfigError(
            f"{work.report.work}: {version.title} was registered by another program, so no model of the store "
            f"belongs to it. Score with a version that Millrace trained: --option {VERSION.name}=N."
        )
    key = f"as_of={version.as_of}/seed={version.tags.get('seed', '0')}"
    ref = Ref(work.pipeline.name, giver_of("model").dataset, key)
    found = work.store.find_version(ref, version.digest)
    if found is None:
        raise InputMissingError(
            f"{work.report.work}: {version.title} ({ref.path()} {version.digest[:16]}) is no longer in the store "
            f"{work.store.uri}. Run {giver_of('model').name} as of {version.as_of} again with the settings of then, or "
            f"score with another version: --option {VERSION.name}=N."
        )
    return ChosenModel(version, found)


def _version_asked(options: Mapping[str, Any]) -> int | None:
    given = options.get(VERSION.name)
    return None if given in (None, "") else _number(str(given), VERSION.name)


def _shadow_asked(options: Mapping[str, Any]) -> tuple[int, ...]:
    given = str(options.get(SHADOW.name) or "")
    numbers = [_number(each.strip(), SHADOW.name) for each in given.split(",") if each.strip()]
    twice = sorted({each for each in numbers if numbers.count(each) > 1})
    if twice:
        raise ConfigError(
            f"--option {SHADOW.name}={given}: version {twice[0]} is named twice. Name each version once."
        )
    return tuple(sorted(numbers))


def _number(text: str, option: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) and str(int(text)) == text):
        example = "3" if option == VERSION.name else "3,5"
        raise ConfigError(
            f"--option {option}={text}: a version is its number in the registry, such as {option}={example}. "
            f"python -m pipelines models NAME --store URI lists them."
        )
    return int(text)
