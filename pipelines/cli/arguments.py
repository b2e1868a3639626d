"""Arguments that several commands share.

Why: ``run``, ``stage`` and ``replay`` must mean the same by the same option.
Not here: what they mean, and checking them (``pipelines/api/``).
"""

from typing import Annotated

import typer

from pipelines.process.source_access import SOURCE_VARIABLE

Name = Annotated[str, typer.Argument(help="Declared pipeline, such as fraud_detection.")]
StoreUri = Annotated[
    str, typer.Option("--store", help="Root of the artifact store: a folder or a URI.")
]
Branch = Annotated[
    str | None,
    typer.Option(
        help="Work beside production: read main where nothing differs, publish to this branch. [main]"
    ),
]
SourceUri = Annotated[
    str | None,
    typer.Option(
        "--source",
        envvar=SOURCE_VARIABLE,
        show_envvar=False,
        help="Root of the source files, a folder or a URI; or the URI of a database.",
    ),
]
HistoryFrom = Annotated[
    str | None,
    typer.Option(help="First day of data; no window looks back beyond it. [schedule.start]"),
]
Table = Annotated[
    str | None, typer.Option(help="Declared table to take in. [the table of examples]")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Replace a setting: training.epochs=3. May be repeated."),
]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="Ask something of one stage: key=value.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help="Read this version of an earlier stage's result: model=DIGEST. May be repeated. "
        "[what is published]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON on stdout.")]
