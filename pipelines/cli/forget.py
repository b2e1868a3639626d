"""``forget``: erase a person, or another entity, from a store.

Promise: the key is not printed or logged; with ``--key -`` it is not in the list of processes either.
"""

import sys
from typing import Annotated, Any

import typer

from pipelines import api
from pipelines.cli.arguments import Json, Name, StoreUri
from pipelines.core.events import Sink
from pipelines.core.text import counted
from pipelines.process.child import run_child

SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("forget")(forget)


def forget(
    pipeline: Name,
    store: StoreUri,
    entity: Annotated[str, typer.Option(help="Declared entity, such as patient.")],
    key: Annotated[
        str,
        typer.Option(help="Value of the entity's column; - reads it from standard input."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    json_: Json = False,
) -> None:
    """Erase an entity: rewrite its rows' partitions, remove what was made of them, say what is left."""
    from pipelines.cli.summary import print_json

    handle = api.pipeline(pipeline)
    value = sys.stdin.readline().rstrip("\r\n") if key == "-" else key

    def work(sink: Sink) -> int:
        found = api.forget(
            handle, store, entity=entity, key=value, dry_run=dry_run, on_event=sink
        )
        print_json(found) if json_ else sys.stdout.write(_described(found, dry_run=dry_run))
        return 0

    run_child(work, name=f"forget {handle.name}")


def _described(found: dict[str, Any], *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    lines = [
        *_listed(f"{would}rewritten without it", found["rewritten"]),
        *_listed(
            f"{would}removed, and made again by the next run where needed", found["removed"]
        ),
        *_listed(
            "models trained on it, whose weights cannot forget it: retrain", found["models"]
        ),
        *_listed("refused without it", found["refused"]),
        "not reached:",
        *(f"  {text}" for text in found["left"]),
    ]
    if not (found["rewritten"] or found["removed"] or found["models"]):
        lines.insert(0, "nothing that is published holds it")
    return "\n".join(lines) + "\n"


def _listed(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = (
        [f"  and {len(names) - SHOWN:,} more (--json lists them all)"]
        if len(names) > SHOWN
        else []
    )
    return [
        f"{what}: {counted(len(names), 'artifact')}",
        *(f"  {n}" for n in names[:SHOWN]),
        *more,
    ]
