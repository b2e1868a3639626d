"""Importing the module that declares a pipeline, and reporting what is wrong with it.

Why: a declaration is a user's code; a mistake in it should cost one sentence with its file and line.
Promise: whatever the module raises becomes a ``ConfigError``; nothing else of it runs.
Not here: whether the declared values fit together (``checks/``).
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from pipelines.core.errors import ConfigError, PipelineError
from pipelines.spec.checks.tables import NAME
from pipelines.spec.folders import import_path
from pipelines.spec.locations import PROJECTS, Location
from pipelines.spec.models import Builder
from pipelines.spec.pipeline import Pipeline


def declaration_of(location: Location) -> Pipeline:
    """The pipeline declared at a location, not yet checked.

    Raises:
        ConfigError: The module cannot be imported, has no pipeline, or one of another name.
    """
    if not NAME.fullmatch(location.name):
        raise ConfigError(
            f"{location.origin}: {location.name!r} cannot name a pipeline; expected lower-case "
            f"letters, digits and _, starting with a letter. Rename it."
        )
    module = declaration_module(location)
    with _as_mistake(location):
        pipeline = getattr(module, location.attribute, None)
    if not isinstance(pipeline, Pipeline):
        found = (
            f"it is of type {type(pipeline).__name__}"
            if pipeline is not None
            else "it has none"
        )
        raise ConfigError(
            f"{location.origin}: expected a Pipeline called {location.attribute}; {found}. End the "
            f"module with {location.attribute} = Pipeline(name={location.name!r}, ...)."
        )
    if pipeline.name != location.name:
        raise ConfigError(
            f"{location.origin}: {location.attribute} is named {pipeline.name!r}, and is found "
            f"under {location.name!r}. Give both the same name."
        )
    return _with_own_names(pipeline, str(module.__package__))


def declaration_module(location: Location) -> ModuleType:
    """The module that declares the pipeline at a location.

    Raises:
        ConfigError: It cannot be imported; says the file and the line.
    """
    _follow_folders()
    if location.module not in sys.modules:
        importlib.invalidate_caches()  # its file may have been written just now
    with _as_mistake(location):
        return importlib.import_module(_module_name(location))


@contextmanager
def _as_mistake(location: Location) -> Iterator[None]:
    """Whatever the module raises, but for the user's interrupt, is a mistake in it."""
    try:
        yield
    except (PipelineError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ConfigError(
            f"{_line_of(error, location)}: the declaration of {location.name!r} cannot be imported: "
            f"{type(error).__name__}: {_said(error)}. Correct it, then check the pipeline again."
        ) from error


def _module_name(location: Location) -> str:
    """The name of the module itself, where an entry point names its package."""
    if location.file is not None or location.module.endswith(".declaration"):
        return location.module
    inner = f"{location.module}.declaration"
    package = importlib.import_module(location.module)
    inside = hasattr(package, "__path__") and not hasattr(package, location.attribute)
    return inner if inside and importlib.util.find_spec(inner) else location.module


def _follow_folders() -> None:
    """Have the package of users' pipelines look where ``MILLRACE_PIPELINES`` now says."""
    package = importlib.import_module(PROJECTS)
    wanted = import_path()
    if package.__path__ != wanted:
        for name in [name for name in sys.modules if name.startswith(f"{PROJECTS}.")]:
            del sys.modules[name]
            vars(package).pop(name.removeprefix(f"{PROJECTS}."), None)
        package.__path__ = wanted


def _line_of(error: BaseException, location: Location) -> str:
    """File and line of the pipeline's own code that an error comes from."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    own = _own_folder(location)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f for f in frames if own is not None and Path(f.filename).is_relative_to(own)]
    return f"{lines[-1].filename}, line {lines[-1].lineno}" if lines else location.origin


def _own_folder(location: Location) -> Path | None:
    if location.file is not None:
        return location.file.parent
    top = sys.modules.get(location.module.partition(".")[0])
    file = getattr(top, "__file__", None)
    return Path(file).parent if file else None


def _said(error: BaseException) -> str:
    try:
        return str(error.msg if isinstance(error, SyntaxError) else error).rstrip(".")
    except Exception:  # the error's class is the user's too
        return "without a message"


def _with_own_names(pipeline: Pipeline, package: str) -> Pipeline:
    """The pipeline with names that begin with a dot completed: they are its own package's."""
    model = pipeline.model
    if not isinstance(model, Builder) or not str(model.function).startswith("."):
        return pipeline
    try:
        function = importlib.util.resolve_name(model.function, package)
    except ImportError as error:
        raise ConfigError(
            f"{pipeline.name}: model.function {model.function!r} goes above {package}. Use fewer dots."
        ) from error
    whole = replace(pipeline, model=_replaced(model, function))
    object.__setattr__(whole, "mistakes", getattr(pipeline, "mistakes", ()))
    return whole


def _replaced(model: Builder, function: str) -> Builder:
    whole = replace(model, function=function)
    object.__setattr__(whole, "mistakes", getattr(model, "mistakes", ()))
    return whole
