"""Writing a user's project: a folder of its own with pipelines, DAG files, tests and tasks.

Why: a user's pipelines are theirs; they depend on Millrace and are not part of it.
Promise: no existing file is replaced; what is written passes its own check and tests.
Not here: another pipeline in a project (``new.py``).
"""

import os
from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.drivers.scaffold.new import check_name, project_files
from pipelines.drivers.scaffold.writing import template, write_new
from pipelines.spec.locations import installed_locations

# What a version control, an environment or an editor has put into a new folder.
UNRELATED = frozenset({".git", ".venv", ".idea", ".vscode", "lost+found"})

FILES = {
    "dags/housekeeping.py": "housekeeping.txt",
    "tests/conftest.py": "conftest.txt",
    "Makefile": "makefile.txt",
    "pyproject.toml": "pyproject.txt",
    "requirements.txt": "requirements.txt",
    "README.md": "readme.txt",
    ".gitignore": "gitignore.txt",
}


def init(folder: Path, pipeline: str) -> list[Path]:
    """Write a project with a first pipeline into a new or empty folder.

    Returns:
        Paths written, relative to the folder.

    Raises:
        ConfigError: The name cannot be a pipeline's or is taken, or the folder is not empty, is a
            file, or cannot be written.
    """
    check_name(pipeline)
    if pipeline in {location.name for location in installed_locations()}:
        raise ConfigError(f"A pipeline {pipeline!r} exists already. Choose another --pipeline.")
    root = folder.absolute()
    _require_empty(root)
    own = {Path(path): template(f"project/{file}", pipeline) for path, file in FILES.items()}
    return write_new(root, own | project_files(pipeline))


def _require_empty(root: Path) -> None:
    if os.pathsep in str(root):
        raise ConfigError(
            f"{root} holds {os.pathsep!r}, which separates the folders of MILLRACE_PIPELINES. "
            f"Choose a path without it."
        )
    if root.exists() and not root.is_dir():
        raise ConfigError(f"{root} is a file. Give the path of a new or empty folder.")
    try:
        held = sorted(path.name for path in root.iterdir()) if root.exists() else []
    except OSError as error:
        raise ConfigError(
            f"{root} cannot be read: {error.strerror}. Choose another folder."
        ) from error
    others = [name for name in held if name not in UNRELATED]
    if others:
        raise ConfigError(
            f"{root} is not empty: it has {', '.join(others[:5])}. Give the path of a new or empty "
            f"folder; `millrace new NAME` adds a pipeline to a project that is there."
        )
