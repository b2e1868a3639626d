"""Finding a declared pipeline by its name.

Why: the command line, the DAGs and a stage's child process name a pipeline by one word.
Promise: a pipeline is the package ``pipelines/domains/<name>`` with a ``PIPELINE`` in its
    ``declaration`` module; what is loaded has been checked.
"""

import importlib
from pathlib import Path

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.spec.checks import require_valid
from pipelines.spec.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[1] / "domains"


def declared_names() -> list[str]:
    """Names of every declared pipeline, sorted."""
    return sorted(path.parent.name for path in ROOT.glob("*/declaration.py"))


def load(name: str) -> Pipeline:
    """The declared pipeline of that name, checked.

    Raises:
        ConfigError: No such pipeline; says the nearest one.
        DeclarationError: The declaration has mistakes; all are listed.
    """
    known = declared_names()
    if name not in known:
        raise ConfigError(f"There is no pipeline {name!r}. {nearest(name, known)}")
    pipeline = importlib.import_module(f"pipelines.domains.{name}.declaration").PIPELINE
    return require_valid(pipeline)
