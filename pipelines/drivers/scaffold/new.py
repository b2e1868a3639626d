"""Writing the files of a new pipeline: a declaration, a DAG file, a test.

Why: the first declaration is easier to change than to write.
Promise: what is written passes its own test, and no existing file is replaced.
Not here: the files of a new project (``project.py``).
"""

import keyword
from collections.abc import Mapping
from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.drivers.scaffold.writing import template, write_new
from pipelines.spec import declared_names
from pipelines.spec.checks.tables import NAME
from pipelines.spec.folders import project_folder

OWN_DAGS = ("housekeeping",)


def scaffold(name: str, root: Path, declaration: str | None = None) -> list[Path]:
    """Write the files of a new pipeline into a project, or into this repository's domains.

    Args:
        name: Name of the pipeline.
        root: The project, or the repository.
        declaration: Text of its declaration; the template's where there is none.

    Returns:
        Paths written, relative to ``root``.

    Raises:
        ConfigError: The name cannot be a pipeline's or is taken, the folder is neither a project
            nor the repository, or one of the files exists or cannot be written.
    """
    root = root.resolve()
    check_name(name)
    targets = _targets(name, root, declaration)
    if name in declared_names():
        raise ConfigError(f"A pipeline {name!r} exists already. Choose another name.")
    return write_new(root, targets)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a Python module.

    Raises:
        ConfigError: It is not a lower-case identifier, or a keyword of Python.
    """
    if name in OWN_DAGS:
        raise ConfigError(f"{name!r} is the name of Millrace's own DAG. Choose another name.")
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        what = (
            "is a keyword of Python and"
            if keyword.iskeyword(name)
            else "is not an identifier and"
        )
        raise ConfigError(
            f"{name!r} {what} cannot name a pipeline. Use lower-case letters, digits and _, "
            f"starting with a letter, such as disease_progression."
        )


def project_files(
    name: str, pipelines: Path = Path("pipelines"), declaration: str | None = None
) -> dict[Path, str]:
    """The files of a pipeline in a project, by path."""
    return {
        pipelines / name / "declaration.py": declaration or template("declaration.txt", name),
        pipelines / name / "__init__.py": template("package.txt", name),
        Path("dags") / f"{name}.py": template("dag.txt", name),
        Path("tests") / f"test_{name}.py": template("test.txt", name),
    }


def _targets(name: str, root: Path, declaration: str | None) -> Mapping[Path, str]:
    if (root / "pipelines" / "spec" / "registry.py").is_file():
        files = project_files(name, Path("pipelines") / "domains", declaration)
        text = files.pop(Path("tests") / f"test_{name}.py")
        test = Path("tests") / "pipelines" / "domains" / name / "test_declaration.py"
        return files | {test: text}
    folder = project_folder(root)
    if folder is None:
        raise ConfigError(
            f"{root} is neither a project nor Millrace's repository. Make a project with "
            f"`millrace init DIR` and run this command in it, or pass --root PROJECT."
        )
    return project_files(name, folder, declaration)
