"""Load a declared pipeline by its name.

Why: the command line, the DAGs and a stage's child process identify a pipeline by its name.
Promise: a loaded declaration has been checked; a broken declaration hides no other pipeline.
Not here: the searched locations (``locations.py``).
"""

import importlib
import importlib.util
import logging
from pathlib import Path
from types import ModuleType

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.spec.checks import require_valid
from pipelines.spec.declaration_import import declaration_module, declaration_of
from pipelines.spec.folders import folders
from pipelines.spec.locations import PROJECTS, Location, locations, sources
from pipelines.spec.pipeline import Pipeline

log = logging.getLogger("millrace")


def declared_names() -> list[str]:
    """Sorted names of all declared pipelines, also of those that cannot be loaded.

    Raises:
        ConfigError: A folder of ``MILLRACE_PIPELINES`` cannot be used.
    """
    return sorted({location.name for location in locations()})


def own_names() -> list[str]:
    """Sorted names of the pipelines in users' folders; of all pipelines where there is no folder.

    Raises:
        ConfigError: A folder of ``MILLRACE_PIPELINES`` cannot be used.
    """
    own = {location.name for location in locations() if location.module.startswith(PROJECTS)}
    return sorted(own) if folders() else declared_names()


def load(name: str) -> Pipeline:
    """Load and check the declared pipeline with that name.

    Raises:
        ConfigError: There is no such pipeline, there are two, or its module cannot be imported.
        DeclarationError: The declaration has mistakes; all are listed.
    """
    return require_valid(declaration_of(_location(name)))


def load_all() -> list[Pipeline]:
    """All pipelines that can be loaded, by name; a warning is logged for each of the others.

    Raises:
        ConfigError: A folder of ``MILLRACE_PIPELINES`` cannot be used.
    """
    loaded = []
    for name in declared_names():
        try:
            loaded.append(load(name))
        except ConfigError as error:
            log.warning("%s is skipped: %s", name, error)
    return loaded


def folder_of(name: str) -> Path:
    """The folder of the module that declares a pipeline; its other files belong to the pipeline.

    Raises:
        ConfigError: There is no such pipeline, or its module cannot be imported.
    """
    file = declaration_module(_location(name)).__file__
    assert file is not None  # a module with a declaration in it is a file
    return Path(file).resolve().parent


def declaring_module(name: str) -> str:
    """The dotted name of the module that declares a pipeline; empty where nothing declares it.

    Raises:
        ConfigError: A folder of ``MILLRACE_PIPELINES`` cannot be used.
    """
    return next((each.module for each in locations() if each.name == name), "")


def offered(name: str, module: str) -> ModuleType | None:
    """An optional module in a pipeline's package, such as ``simulation``; None if it has none.

    Raises:
        ConfigError: There is no such pipeline, or its declaration cannot be imported.
    """
    declared = declaration_module(_location(name))
    has_package = declared.__name__.endswith(".declaration") or hasattr(declared, "__path__")
    full = f"{declared.__package__}.{module}"
    if not has_package or importlib.util.find_spec(full) is None:
        return None
    return importlib.import_module(full)


def _location(name: str) -> Location:
    every = locations()
    found = [location for location in every if location.name == name]
    if not found:
        hint = nearest(name, {location.name for location in every})
        raise ConfigError(f"There is no pipeline {name!r}. {hint} Looked in: {sources()}.")
    if len(found) > 1:
        both = " and ".join(location.origin for location in found)
        raise ConfigError(f"There are {len(found)} pipelines {name!r}: {both}. Rename one.")
    return found[0]
