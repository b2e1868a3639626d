"""``score``: score several days, then settle and watch them.

Why: a backfill by hand must do what the score DAG does, with the champion of each day or any version.
Promise: a day that cannot be scored is listed with the reason and does not stop the others.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pipelines import api
from pipelines.cli.arguments import Branch, Json, Name, Options, Settings, StoreUri
from pipelines.cli.summary import print_json
from pipelines.core.errors import ConfigError
from pipelines.core.store.branch_names import on_branch
from pipelines.core.text import counted, message


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score")(score)


def score(
    pipeline: Name,
    store: StoreUri,
    first: Annotated[str, typer.Option("--from", help="First partition, or its day.")],
    last: Annotated[str, typer.Option("--to", help="Last partition, or its day.")],
    version: Annotated[
        str | None,
        typer.Option(
            help="Version to score with; its scores stand beside those that were given. "
            "[the champion of each day]"
        ),
    ] = None,
    shadow: Annotated[
        str | None,
        typer.Option(
            help="Versions that score beside it and decide nothing, such as 3,5. [none]"
        ),
    ] = None,
    settings: Settings = None,
    options: Options = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Score days with the champion of then, or with a chosen version; then settle and watch them."""
    summary = api.score(
        api.pipeline(pipeline, settings),
        on_branch(store, branch),
        from_=first,
        to=last,
        version=None if version is None else _number(version, "--version"),
        shadow=[_number(each, "--shadow") for each in (shadow or "").split(",") if each],
        options=options,
    )
    print_json(summary) if json_ else _print(summary)


def _number(text: str, option: str) -> int:
    if not (text.strip().isascii() and text.strip().isdecimal()):
        raise ConfigError(
            f"{option} {text!r}: a version is its number in the registry. python -m pipelines models NAME --store "
            f"URI lists them."
        )
    return int(text)


def _print(summary: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(
        "partition", "version", "rows", "alerts", "", title=f"{summary['pipeline']}: scores"
    )
    for day in summary["days"]:
        state = day.get("left") or ("found" if day["cached"] else f"{day['seconds']:.1f} s")
        cells = (day.get("model_version"), day.get("rows"), day.get("alerts"))
        shown = ("" if cell is None else f"{cell:,}" for cell in cells)
        table.add_row(day["partition"], *shown, Text(message(state)))
    console.print(table)
    for name, facts in summary["stages"].items():
        line = f"{name}: {facts['done']} done, {facts['found']} found, {facts['left']} left out"
        console.print(line, highlight=False, markup=False)
    alerts = "" if summary["alerts"] is None else f", {counted(summary['alerts'], 'alert')}"
    speed = f"{counted(summary['rows'], 'row')}{alerts}, {summary['rows_per_s']:,.0f} rows/s"
    console.print(speed, highlight=False, markup=False)
