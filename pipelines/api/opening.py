"""Opening a pipeline: a declaration by its name, with this run's settings.

Why: every call of the API that works on a pipeline needs both, and must refuse a misspelt one at once.
Promise: settings are checked when the pipeline is opened, exactly as ``--set`` checks them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipelines.core.errors import ConfigError
from pipelines.spec import Pipeline, declared_names, load, with_settings

Assignments = Mapping[str, object] | Iterable[str] | None
"""``{"training.epochs": 3}``, or texts as the command line takes them: ``["training.epochs=3"]``."""


@dataclass(frozen=True, slots=True)
class PipelineHandle:
    """An opened pipeline. Made by ``millrace.pipeline``.

    Attributes:
        declaration: What is declared, with the settings applied.
        settings: The settings as ``name=value`` texts, in the order given.
    """

    declaration: Pipeline
    settings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Its name and the settings of this run, and not the declaration."""
        return f"<PipelineHandle {' '.join((self.name, *self.settings))}>"

    @property
    def name(self) -> str:
        """Name of the pipeline, such as ``fraud_detection``."""
        return self.declaration.name

    @property
    def title(self) -> str:
        """Its title for people."""
        return self.declaration.title

    def with_settings(self, settings: Assignments) -> "PipelineHandle":
        """The same pipeline with further settings, which come after those it has and win.

        Raises:
            ConfigError: An unknown setting, with the nearest known one, or a value of another type.
            DeclarationError: The settings do not fit together.
        """
        texts = assignments(settings, "settings")
        return replace(
            self,
            declaration=with_settings(self.declaration, texts),
            settings=(*self.settings, *texts),
        )


def pipelines() -> list[str]:
    """Names of every declared pipeline, sorted."""
    return declared_names()


def pipeline(name: str, settings: Assignments = None) -> PipelineHandle:
    """Open a declared pipeline.

    Args:
        name: Its name, such as ``fraud_detection``.
        settings: Settings to replace for this run (``--set``): a mapping from
            ``section.name`` to a value, or ``section.name=value`` texts.

    Raises:
        ConfigError: No such pipeline, an unknown setting, or a value of another type; names the
            nearest known one.
        DeclarationError: The declaration has mistakes, or the settings do not fit together.
    """
    return PipelineHandle(load(text(name, "The name of a pipeline"))).with_settings(settings)


def opened(given: str | PipelineHandle) -> PipelineHandle:
    """The handle of a pipeline that a caller names or has opened."""
    return given if isinstance(given, PipelineHandle) else pipeline(given)


def text(given: object, what: str) -> str:
    """A text that a caller passed.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(given, str):
        return given
    raise ConfigError(f"{what} must be a text; got {type(given).__name__} {given!r}.")


def assignments(given: Assignments, what: str) -> tuple[str, ...]:
    """``name=value`` texts of a mapping or of such texts.

    Raises:
        ConfigError: It is neither, or a value has no text form.
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(
            f"{name}={_text(value, f'{what}[{name!r}]')}" for name, value in given.items()
        )
    texts = (
        tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (None,)
    )
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError(
            f"{what} must be a mapping such as {{'training.epochs': 3}}, or a list of name=value "
            f"texts; got {given!r}."
        )
    return tuple(str(text) for text in texts)


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{what} must be a text, a number, true or false, or a list of these; got "
            f"{type(value).__name__} {value!r}."
        ) from error
