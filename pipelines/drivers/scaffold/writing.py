"""Writing new files from templates, never over an existing one.

Promise: either every file is new and written, or the error names the first that is not.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipelines.core.errors import ConfigError

TEMPLATES = Path(__file__).parent / "templates"


def template(file: str, name: str) -> str:
    """The text of a template for a pipeline of that name."""
    text = (TEMPLATES / file).read_text(encoding="utf-8")
    return text.replace("PIPELINE_NAME", name).replace("MILLRACE_VERSION", _version())


def write_new(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Write files below a folder; returns their paths as given.

    Raises:
        ConfigError: One of them exists, or cannot be written.
    """
    for path in files:
        if (root / path).exists():
            raise ConfigError(
                f"{path} exists in {root}. Choose another name, or edit that file."
            )
    try:
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or root} cannot be written: {error.strerror}. Choose a folder that "
            f"this user may write to."
        ) from error
    return list(files)


def _version() -> str:
    try:
        return version("millrace")
    except PackageNotFoundError:  # a checkout, which is not installed
        return "0.1.0"
