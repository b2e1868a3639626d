"""``quarantine``: which rows were quarantined, by which rules, and where their lines are.

Why: who repairs a source asks this before anything else.
Promise: only reads; values of sensitive columns are masked, as in the reports.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import api
from pipelines.cli.arguments import Branch, Json, Name, StoreUri
from pipelines.cli.arguments import Table as DeclaredTable
from pipelines.core.store.branch_names import on_branch
from pipelines.core.text import counted, readable

if TYPE_CHECKING:
    from rich.table import Table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("quarantine")(quarantine)


def quarantine(
    pipeline: Name,
    store: StoreUri,
    partition: Annotated[str | None, typer.Option(help="One partition.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First partition.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last partition.")] = None,
    table: DeclaredTable = None,
    rule: Annotated[
        str | None, typer.Option(help="Only rows that this rule quarantined.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Lines to show.")] = 5,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Show which rows were quarantined, rule by rule, and show the first of them."""
    store = on_branch(store, branch)
    from pipelines.cli.summary import print_json

    summary = api.quarantine(
        pipeline,
        store,
        partition=partition,
        from_=first,
        to=last,
        table=table,
        rule=rule,
        rows=rows,
    )
    print_json(_plain(summary)) if json_ else _print(summary)


def _plain(value: Any) -> Any:
    """Times as text: everything else is JSON already."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _lines_table(lines: list[dict[str, Any]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    from pipelines.shared.expectations.quarantined import EXPECTATION, RUN

    names = [name for name in lines[0] if name not in (EXPECTATION, RUN)]
    table = Table(*names)
    for line in lines:
        shown = ("" if line[name] is None else readable(line[name]) for name in names)
        table.add_row(*map(Text, shown))
    return table


def _days(summary: dict[str, Any]) -> str:
    one = summary["from"] == summary["to"]
    return summary["from"] if one else f"{summary['from']} to {summary['to']}"


def _print(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 160)
    share = summary["rows_quarantined"] / max(summary["rows_in"], 1)
    console.print(
        f"{summary['pipeline']} {_days(summary)}: {summary['rows_quarantined']:,} of "
        f"{counted(summary['rows_in'], 'row')} quarantined ({share:.3%}) on {counted(summary['days'], 'day')}",
        highlight=False,
        markup=False,
    )
    if summary["refused"]:
        console.print(f"refused days: {', '.join(summary['refused'])}", highlight=False)
    rules = Table("rule", "rows")
    for name, count in summary["rules"].items():
        rules.add_row(Text(readable(name)), f"{count:,}")
    console.print(rules)
    if summary["lines"]:
        console.print(_lines_table(summary["lines"]))
    for file in summary["files"][:3]:
        console.print(file, highlight=False, soft_wrap=True, markup=False)
    if len(summary["files"]) > 3:  # noqa: PLR2004
        console.print(f"and {len(summary['files']) - 3} more files (--json lists them all)")
