"""Writing the files of a new pipeline: a declaration, a DAG file, a test.

Why: the first declaration is easier to change than to write.
Promise: what is written passes its own test, and no existing file is replaced.
"""

from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.spec.checks import NAME

TEMPLATES = Path(__file__).parent / "templates"


def scaffold(name: str, root: Path) -> list[Path]:
    """Write the files of a new pipeline below the repository's root.

    Returns:
        Paths written, relative to ``root``.

    Raises:
        ConfigError: The name is not a lower-case identifier, the folder is not a Millrace
            repository, or one of the files exists.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a pipeline. Use lower-case letters, digits and _, starting "
            f"with a letter, such as disease_progression."
        )
    if not (root / "pipelines" / "spec").is_dir():
        raise ConfigError(f"{root.resolve()} has no pipelines/spec. Pass --root REPOSITORY.")
    targets = {
        "declaration.txt": Path("pipelines") / name / "declaration.py",
        "package.txt": Path("pipelines") / name / "__init__.py",
        "dag.txt": Path("dags") / f"{name}.py",
        "test.txt": Path("tests") / "pipelines" / name / "test_declaration.py",
    }
    for path in targets.values():
        if (root / path).exists():
            raise ConfigError(f"{path} exists. Choose another name, or edit that file.")
    for template, path in targets.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        text = (TEMPLATES / template).read_text()
        (root / path).write_text(text.replace("PIPELINE_NAME", name))
    return list(targets.values())
