"""``quarantine``: which rows were kept out, by which rules, and where their lines are.

Why: who repairs a source asks this before anything else.
Promise: only reads; values of sensitive columns are masked, as in the reports.
"""

import sys
from collections import Counter
from typing import Annotated, Any

import typer

from pipelines.cli.arguments import Json, Name, StoreUri
from pipelines.core.days import parse_day
from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.store import Store
from pipelines.core.text import readable
from pipelines.protocol import VALIDATED, stage_of
from pipelines.spec import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("quarantine")(quarantine)


def quarantine(
    pipeline: Name,
    store: StoreUri,
    partition: Annotated[str | None, typer.Option(help="One day.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only rows that this rule kept out.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="Lines to show.")] = 5,
    json_: Json = False,
) -> None:
    """Tell which rows were kept out, rule by rule, and show the first of them."""
    from pipelines.cli.summary import print_json
    from pipelines.shared.expectations.quarantined import kept_out, lines_of

    declared = load(pipeline)
    for day, option in ((partition, "--partition"), (first, "--from"), (last, "--to")):
        if day is not None:
            parse_day(day, option)
    days = kept_out(Store(store), pipeline, partition or first, partition or last)
    if not days:
        raise ConfigError(
            f"{pipeline}: no day is validated in {store} between {partition or first or 'ever'} and "
            f"{partition or last or 'now'}. Run {stage_of(VALIDATED).name} first, or choose other days."
        )
    by_rule: Counter[str] = Counter()
    for each in days:
        by_rule.update({name: n for name, n in each.by_rule.items() if rule in (None, name)})
    if rule is not None and rule not in by_rule:
        known = {name for each in days for name in each.by_rule}
        hint = nearest(rule, known) if known else "No rule kept any row out."
        raise ConfigError(f"{pipeline}: no row was kept out by {rule!r} on those days. {hint}")
    summary: dict[str, Any] = {
        "pipeline": pipeline,
        "from": days[0].day,
        "to": days[-1].day,
        "days": len(days),
        "rows_in": sum(each.rows_in for each in days),
        "rows_kept_out": sum(each.rows for each in days),
        "refused": [each.day for each in days if each.verdict != "accepted"],
        "rules": dict(sorted(by_rule.items())),
        "lines": lines_of(days, declared, rule, rows),
        "files": [str(each.file) for each in days if each.rows],
    }
    print_json(_plain(summary)) if json_ else _print(summary)


def _plain(value: Any) -> Any:
    """Times as text: everything else is JSON already."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _print(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pipelines.shared.expectations.quarantined import EXPECTATION, RUN

    console = Console(width=None if sys.stdout.isatty() else 160)
    share = summary["rows_kept_out"] / max(summary["rows_in"], 1)
    console.print(
        f"{summary['pipeline']} {summary['from']} .. {summary['to']}: {summary['rows_kept_out']:,} of "
        f"{summary['rows_in']:,} rows kept out ({share:.3%}) on {summary['days']} days",
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
        names = [name for name in summary["lines"][0] if name not in (EXPECTATION, RUN)]
        lines = Table(*names)
        for line in summary["lines"]:
            shown = ("" if line[name] is None else readable(line[name]) for name in names)
            lines.add_row(*map(Text, shown))
        console.print(lines)
    for file in summary["files"][:3]:
        console.print(file, highlight=False, soft_wrap=True, markup=False)
    if len(summary["files"]) > 3:  # noqa: PLR2004
        console.print(f"and {len(summary['files']) - 3} more files (--json lists them all)")
