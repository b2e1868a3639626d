"""``backtest``: what retraining policies would have caught, missed and cost."""

from typing import Annotated, Any

import typer

from pipelines import api
from pipelines.api.backtesting import DEFAULT_POLICIES
from pipelines.cli.arguments import HistoryFrom, Json, Name, Settings, SourceUri, StoreUri
from pipelines.cli.summary import print_json

COUNTS = ("trained", "used", "caught", "missed", "false_alerts")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest)


def backtest(
    pipeline: Name,
    store: StoreUri,
    first: Annotated[
        str, typer.Option("--from", help="First scored day, the as-of day of the first models.")
    ],
    last: Annotated[str, typer.Option("--to", help="Last scored day.")],
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            help="weekly, monthly, every-N, drift, decay or never, joined by +, then options and settings: "
            "monthly+drift,drift=0.2,use=always,split.train_days=14. May be repeated. "
            f"[{', '.join(DEFAULT_POLICIES)}]",
        ),
    ] = None,
    source: SourceUri = None,
    history_from: HistoryFrom = None,
    out: Annotated[
        str, typer.Option(help="Folder for backtest.json and backtest.html.")
    ] = "backtest",
    settings: Settings = None,
    json_: Json = False,
) -> None:
    """Replay retraining policies over past days: what each would have caught, missed and cost."""
    result = api.backtest(
        api.pipeline(pipeline, settings),
        store,
        from_=first,
        to=last,
        policies=policies or DEFAULT_POLICIES,
        source=source,
        history_from=history_from,
        out=out,
    )
    print_json(result) if json_ else _print(result)


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, policies = Console(), result["policies"]
    table = Table(title=f"{result['pipeline']} {result['from']} .. {result['to']}")
    table.add_column("policy", overflow="fold")
    gpus = any(each["gpu_minutes"] for each in policies)
    minutes = ("cpu_minutes", "gpu_minutes") if gpus else ("cpu_minutes",)
    for name in ("models", "used", "caught", "missed", "in vain", "AP", "CPU-min", "GPU-min")[
        : 6 + len(minutes)
    ]:
        table.add_column(name, justify="right", no_wrap=True)
    for each in policies:
        precise = each["average_precision"]
        table.add_row(
            Text(each["policy"]),
            *(f"{each[name]:,}" for name in COUNTS),
            "" if precise is None else f"{precise:.3f}",
            *(f"{each[name]:.1f}" for name in minutes),
        )
    console.print(table)
    console.print(f"page: {result['page']}", highlight=False, markup=False, soft_wrap=True)
