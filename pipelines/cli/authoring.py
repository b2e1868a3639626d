"""``init``, ``new`` and ``check``: starting projects and pipelines, and finding their mistakes.

Why: a new pipeline is one declaration and one DAG file; both can be wrong in known ways.
Promise: ``init`` and ``new`` never overwrite a file; ``check`` changes nothing.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.arguments import Json, SourceUri
from pipelines.cli.program import program
from pipelines.core.errors import ConfigError
from pipelines.core.text import message

if TYPE_CHECKING:
    from pipelines.drivers.scaffold.finding import Finding
    from pipelines.drivers.scaffold.from_data import WrittenGuess


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.command("new")(new)
    app.command("check")(check)


def init(
    folder: Annotated[Path, typer.Argument(help="New or empty folder of the project.")],
    pipeline: Annotated[str, typer.Option(help="Name of its first pipeline.")] = "example",
) -> None:
    """Start a project of your own: pipelines, DAG files, tests and a Makefile."""
    from pipelines.drivers.scaffold.project import init as init_project

    for path in init_project(folder, pipeline):
        sys.stdout.write(f"wrote {folder / path}\n")
    enter = "" if folder.resolve() == Path.cwd() else f"cd {folder}, "
    declaration = f"pipelines/{pipeline}/declaration.py"
    sys.stdout.write(f"Next: {enter}edit {declaration}, then run: make test\n")


def new(
    name: Annotated[str, typer.Argument(help="Name of the pipeline: lower_case_words.")],
    root: Annotated[
        Path, typer.Option(help="Root of the project, or of Millrace's repository.")
    ] = Path(),
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Data to guess the declaration from: a file, a folder, or a database's URI.",
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(help="Table of the database.")] = None,
    query: Annotated[
        str | None, typer.Option(help="SELECT statement of the rows in the database.")
    ] = None,
) -> None:
    """Scaffold a declaration, its DAG file and its test."""
    from pipelines.drivers.scaffold.new import scaffold

    if from_ is None:
        if table or query:
            raise ConfigError(
                "--table and --query are of a database. Pass --from with its URI."
            )
        for path in scaffold(name, root):
            sys.stdout.write(f"wrote {path}\n")
        sys.stdout.write(f"Edit the declaration, then run: {program()} check {name}\n")
        return
    from pipelines.drivers.scaffold.from_data import scaffold_from

    written = scaffold_from(name, root, from_, table=table, query=query)
    for path in written.paths:
        sys.stdout.write(f"wrote {path}\n")
    _print_guess(name, written)


def _print_guess(name: str, written: "WrittenGuess") -> None:
    """What was guessed, what is to be done, and the commands that come next."""
    for line in written.guessed:
        sys.stdout.write(f"guess  {message(line)}\n")
    for line in written.todos:
        sys.stdout.write(f"TODO   {message(line)}\n")
    source, (first, last) = shlex.quote(written.source), written.days
    first_step = (
        "Say in {} what is TODO, look at each guess"
        if written.todos
        else "Look at each guess in {}"
    )
    sys.stdout.write(
        f"{first_step.format(written.paths[0])}, then run:\n"
        f"  {program()} check {name} --source {source} --day {first}\n"
        f"  {program()} run {name} --source {source} --store .millrace/store "
        f"--from {first} --to {last}\n"
    )


def check(
    name: Annotated[
        str | None, typer.Argument(help="Declared pipeline. [every one of this project]")
    ] = None,
    source: SourceUri = None,
    store: Annotated[
        str | None, typer.Option(help="Artifact store to check: a folder or a URI.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="Day of the source to look at. [schedule.start]")
    ] = None,
    json_: Json = False,
) -> None:
    """Find everything that can be known before a run."""
    from pipelines.cli.summary import print_json
    from pipelines.drivers.scaffold.check import findings, findings_of_all

    if name is None and (source or day):
        raise ConfigError("--source and --day are of one pipeline. Name it: check NAME.")
    found: dict[str, list[Finding]] = (
        findings_of_all(store)
        if name is None
        else {name: findings(name, source=source, store=store, day=day)}
    )
    if json_:
        every = [{"pipeline": n, **f.as_dict()} for n, each in found.items() for f in each]
        print_json({"findings": every})
    else:
        _print_findings(found, headed=name is None)
    _require_well(found)


def _print_findings(found: "Mapping[str, Sequence[Finding]]", *, headed: bool) -> None:
    for name, each in found.items():
        sys.stdout.write(f"{name}:\n" if headed else "")
        for finding in each:
            sys.stdout.write(f"{'ok  ' if finding.ok else 'FAIL'}  {message(finding.text)}\n")


def _require_well(found: "Mapping[str, Sequence[Finding]]") -> None:
    wrong = {name: sum(not finding.ok for finding in each) for name, each in found.items()}
    failed = [
        f"{name}: {n} of {len(found[name])} checks failed" for name, n in wrong.items() if n
    ]
    if failed:
        raise ConfigError(f"{'; '.join(failed)}.")
