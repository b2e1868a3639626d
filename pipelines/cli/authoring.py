"""``new`` and ``check``: starting a pipeline, and finding its mistakes before anything runs.

Why: a new pipeline is one declaration and one DAG file; both can be wrong in known ways.
Promise: ``new`` never overwrites a file; ``check`` changes nothing.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.arguments import Json, Name, SourceUri
from pipelines.core.errors import ConfigError
from pipelines.core.text import message


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("new")(new)
    app.command("check")(check)


def new(
    name: Annotated[str, typer.Argument(help="Name of the pipeline: lower_case_words.")],
    root: Annotated[Path, typer.Option(help="Root of the repository.")] = Path(),
) -> None:
    """Scaffold a declaration, its DAG file and its test."""
    from pipelines.drivers.scaffold.new import scaffold

    for path in scaffold(name, root):
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(f"Edit the declaration, then run: python -m pipelines check {name}\n")


def check(
    name: Name,
    source: SourceUri = None,
    store: Annotated[str | None, typer.Option(help="Artifact store to check.")] = None,
    day: Annotated[str | None, typer.Option(help="Day of the source to look at.")] = None,
    json_: Json = False,
) -> None:
    """Find everything that can be known before a run."""
    from pipelines.cli.summary import print_json
    from pipelines.drivers.scaffold.check import findings

    found = findings(name, source=source, store=store, day=day)
    if json_:
        print_json({"findings": [f.as_dict() for f in found]})
    else:
        for finding in found:
            sys.stdout.write(f"{'ok  ' if finding.ok else 'FAIL'}  {message(finding.text)}\n")
    wrong = [finding for finding in found if not finding.ok]
    if wrong:
        raise ConfigError(f"{name}: {len(wrong)} of {len(found)} checks failed.")
