"""The folders of a user's pipelines: ``MILLRACE_PIPELINES``, or those of the project.

Why: a pipeline belongs to its user, not to this library, so its folder is configured once and
    must be known in every process.
Promise: reads the environment and at most one ``pyproject.toml``; imports the standard library only.
Not here: the pipelines in the folders (``locations.py``).
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipelines.core.errors import ConfigError

VARIABLE = "MILLRACE_PIPELINES"
"""Absolute paths of folders, separated as in ``PATH``; each contains ``<name>/declaration.py``."""

TABLE = "tool.millrace"


def folders(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The distinct folders to search for pipelines, in order.

    Those of ``MILLRACE_PIPELINES``; where it is not set or empty, those of the project that the
    working directory belongs to.

    Raises:
        ConfigError: One of them cannot be used; the message says which, and why.
    """
    found = dict.fromkeys(_checked(path, source) for path, source in _declared(environ))
    return tuple(found)


def import_path() -> list[str]:
    """The folders as a package's ``__path__``; empty where one cannot be used, which loading reports."""
    try:
        return [str(folder) for folder in folders()]
    except ConfigError:
        return []


def project_root(start: Path | None = None) -> Path | None:
    """The root of the project that contains a folder, by default the working directory.

    It is the nearest one at or above with a ``pyproject.toml`` that has a table ``[tool.millrace]``.

    Raises:
        ConfigError: A ``pyproject.toml`` that names the table cannot be read.
    """
    try:
        here = start or Path.cwd()
    except FileNotFoundError:  # the working directory was removed
        return None
    for folder in (here, *here.parents):
        if _settings(folder / "pyproject.toml") is not None:
            return folder
    return None


def project_folder(root: Path) -> Path | None:
    """The first folder of a project's pipelines, relative to its root; None without a project.

    Raises:
        ConfigError: The project's ``pyproject.toml`` cannot be read, or names no folder.
    """
    if _settings(root / "pyproject.toml") is None:
        return None
    return Path(_named(root / "pyproject.toml")[0])


def _declared(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Each path as written, and its source for messages."""
    given = [part for part in environ.get(VARIABLE, "").split(os.pathsep) if part.strip()]
    for part in given:
        yield Path(part.strip()), f"{VARIABLE} names {part.strip()!r}"
    root = None if given else project_root()
    if root is None:
        return
    file = root / "pyproject.toml"
    for path in _named(file):
        yield root / path, f"{file}: [{TABLE}] pipelines names {path!r}"


def _named(file: Path) -> list[str]:
    """The folders in a project's file, as written."""
    paths = (_settings(file) or {}).get("pipelines", "pipelines")
    listed = paths if isinstance(paths, list) else [paths]
    every = [path for path in listed if isinstance(path, str)]
    if not every or len(every) < len(listed):
        raise ConfigError(
            f"{file}: [{TABLE}] pipelines is {paths!r}; expected a folder or a list of folders. "
            f'Write pipelines = "pipelines".'
        )
    return every


def _settings(file: Path) -> dict[str, object] | None:
    """The project's table; None if the file does not exist or has no such table."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if TABLE not in text:
        return None
    import tomllib

    try:
        table = tomllib.loads(text).get("tool", {}).get("millrace")
    except (tomllib.TOMLDecodeError, AttributeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}. Correct it.") from error
    return table if isinstance(table, dict) else None


def _checked(path: Path, source: str) -> Path:
    """The folder, resolved.

    Raises:
        ConfigError: It is not an absolute path of a folder of pipelines.
    """
    if not path.is_absolute():
        raise ConfigError(
            f"{source}, which is a relative path; expected an absolute one, because each process has its own "
            f"working directory. From here it would be {path.expanduser().absolute()}."
        )
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise ConfigError(
            f"{source}, which {what}; expected a folder that contains <name>/declaration.py. Create the "
            f"folder, or correct the path."
        )
    if not os.access(path, os.R_OK | os.X_OK):
        raise ConfigError(
            f"{source}, which cannot be read. Give this user permission to read it."
        )
    if (path / "declaration.py").is_file():
        raise ConfigError(
            f"{source}, which is a pipeline itself; expected the folder above it: {path.parent}."
        )
    if path.name == "pipelines" and (path / "__init__.py").exists():
        raise ConfigError(
            f"{source}, where {path / '__init__.py'} makes Python import that folder as Millrace's "
            f"package `pipelines`. Remove the file; a folder of pipelines does not need it."
        )
    return path.resolve()
