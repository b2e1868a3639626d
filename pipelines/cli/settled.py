"""``settled``: the ledger of what scores were worth, as it was known on a day.

Why: whether a model still does what it promised must be seen without reading files.
Promise: only reads.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from pipelines import api
from pipelines.cli.arguments import Branch, Json, Name, StoreUri
from pipelines.core.store.branch_names import on_branch
from pipelines.core.text import message

SHOWN = (
    *("events", "alerts", "caught", "precision", "auc", "average_precision", "cost"),
    *("rmse", "mae", "log_loss", "accuracy", "rank_mae"),
)


LEFT = ("scored", "model")
COLUMNS = [n for n in SHOWN if n not in {"auc", "cost"}]
"""What a terminal of 80 columns has room for."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settled")(settled)


def settled(
    pipeline: Name,
    store: StoreUri,
    as_of: Annotated[
        str, typer.Option(help="Day, YYYY-MM-DD: what was over when it began is in the ledger.")
    ],
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Show what scores were expected to be worth and what they were, as known on a day."""
    from pipelines.cli.summary import print_json

    found = api.settled(pipeline, on_branch(store, branch), as_of=as_of)
    if json_:
        print_json(found)
        return
    _print(found)
    sys.stdout.writelines(f"{message(line)}\n" for line in _lines(found))


def _print(found: Mapping[str, Any]) -> None:
    """A row for each model and partition: what came true, and what was expected of it."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = list(_measured(found))
    names = [n for n in COLUMNS if any(n in model["metrics"] for _, model in rows)]
    table = Table(title=f"{found['pipeline']}: came true (expected)", box=SIMPLE)
    for column in (*LEFT, *names):
        left = column in LEFT
        title = column.replace("_", " ")
        table.add_column(title, justify="left" if left else "right", no_wrap=left)
    for partition, model in rows:
        cells = [partition, _named(model), *(_cell(model, name) for name in names)]
        table.add_row(*(Text(cell) for cell in cells))
    if rows:
        Console().print(table)


def _named(model: Mapping[str, Any]) -> str:
    given = model["role"] == "given"
    return str(model["model_version"]) if given else f"{model['model_version']} {model['role']}"


def _measured(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for each in found["settlements"]:
        for matured in each["matured"]:
            yield from (
                (matured["partition"], m) for m in matured.get("models", ()) if m["metrics"]
            )


def _cell(model: Mapping[str, Any], name: str) -> str:
    own, expected = model["metrics"].get(name), model.get("expected", {}).get(name)
    if own is None:
        return ""
    is_estimate = expected is not None and name in model["errors"]
    return _number(own) + (f" ({_number(expected)})" if is_estimate else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  digits enough


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    from pipelines.shared.settlements.cumulative import without_repeats

    yield from map(_over, without_repeats(found["cumulative"]))
    for name, error in found["estimate_errors"].items():
        if name in SHOWN:
            yield (
                f"estimate of {name.replace('_', ' ')}: off by {error['mean_error']:+.4g} on average, by "
                f"{error['mean_absolute_error']:.4g} in size ({error['partitions']} partitions)"
            )
    for each in found["settlements"]:
        yield from _said(each)
    if found["missing"]:
        yield f"not settled: {', '.join(found['missing'])}"


def _over(each: Mapping[str, Any]) -> str:
    """One line of metrics over some days."""
    version = each["model_version"]
    whose = "as given" if version is None else f"version {version}"
    facts = ", ".join(
        f"{name.replace('_', ' ')} {_number(value)}{_between(each['intervals'].get(name))}"
        for name, value in each["metrics"].items()
        if name in SHOWN
    )
    return f"last {each['days']} days, {whose} ({len(each['partitions'])} partitions): {facts}"


def _said(settlement: Mapping[str, Any]) -> Iterator[str]:
    partition, earlier = settlement["partition"], len(settlement["earlier"])
    yield from (f"{partition}: {m['says']}" for m in settlement["matured"] if m["says"])
    if earlier:
        yield f"{partition}: settled anew, earlier versions kept: {earlier}"


def _between(ends: list[float] | None) -> str:
    return "" if ends is None else f" ({_number(ends[0])} to {_number(ends[1])})"
