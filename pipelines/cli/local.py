"""``simulate``, ``serve``, ``stop`` and ``doctor``: what a person does on their own machine.

Why: a newcomer needs data, a running Airflow and facts about the machine before anything.
Promise: nothing is left running or half-written when a command is stopped.
"""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.arguments import Json, Name
from pipelines.core.errors import ArtifactError
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.spec import load
from pipelines.spec.simulation import simulation_of


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("simulate")(simulate)
    app.command("serve")(serve)
    app.command("stop")(stop)
    app.command("doctor")(doctor)


Home = Annotated[
    Path, typer.Option(help="Folder of the local Airflow, its store and its logs.")
]


def simulate(
    pipeline: Name,
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD.")],
    out: Annotated[Path, typer.Option(help="Folder to write the source's files below.")],
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            "--rows-per-day",
            help="How much: rows a day, patients, or what else the simulation counts. [its own default]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    plant: Annotated[
        str | None, typer.Option(help="Defects to plant: rows=20,truncated=2026-01-05.")
    ] = None,
    processes: Annotated[int, typer.Option(help="Processes to write with.")] = 1,
) -> None:
    """Write simulated data that the pipeline offers, with known truth."""
    load(pipeline)
    simulation = simulation_of(pipeline)
    parts = simulation.SIZE.parts
    reporter, started = Reporter(f"simulate {pipeline}"), time.monotonic()

    def report(done: int, total: int, rows_done: int) -> None:
        note = f"{done} of {total} {parts}"
        reporter.progress(rows_done, rows_done * total // max(done, 1), note=note)

    written = simulation.simulate_source(
        first,
        last,
        out,
        size=simulation.SIZE.default if size is None else size,
        seed=seed,
        processes=processes,
        plant=plant or None,
        progress=report,
    )
    rows, positives = (
        sum(each.rows for each in written),
        sum(each.positives for each in written),
    )
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"{len(written)} {parts}, {rows:,} rows, {positives:,} positive ({positives / max(rows, 1):.2%}) "
        f"in {seconds:.1f} s ({rows / seconds:,.0f} rows/s): {out}\n"
    )


def serve(
    pipelines: Annotated[
        list[str] | None,
        typer.Argument(help="Pipelines to show. [all that have a simulation]"),
    ] = None,
    home: Home = Path(".millrace"),
    partitions: Annotated[
        int | None,
        typer.Option(
            "--partitions",
            "--days",
            help="Partitions to simulate. [the simulation's own number]",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option("--size", "--rows-per-day", help="How much. [the simulation's own size]"),
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the Airflow UI.")] = 8080,
    exit_: Annotated[
        bool, typer.Option("--exit", help="Stop when the run is done, instead of on Ctrl-C.")
    ] = False,
) -> None:
    """Start Airflow, simulate, backfill, train, evaluate; keep the UI up until Ctrl-C."""
    from pipelines.drivers.local.demo import serve as serve_demo

    serve_demo(
        home, pipelines or (), partitions=partitions, size=size, port=port, exit_at_end=exit_
    )


def stop(home: Home = Path(".millrace")) -> None:
    """Stop what serve started, from another shell."""
    from pipelines.drivers.local.demo import stop as stop_demo

    stop_demo(home)


def doctor(
    store: Annotated[
        str | None, typer.Option(help="Store to read back whole; code 3 if it is damaged.")
    ] = None,
    json_: Json = False,
) -> None:
    """Say what this machine can do: cores, memory, disk, GPUs, versions; and whether a store is whole."""
    from pipelines.cli.summary import print_json
    from pipelines.core.store.verified_store import describe_verification
    from pipelines.core.store.verify import verify
    from pipelines.drivers.local.doctor import describe

    facts, found = describe(Path(os.curdir)), verify(Store(store)) if store else None
    if found is not None:
        facts["store"] = describe_verification(found)
    if json_:
        print_json(facts)
    else:
        for name, value in facts.items():
            sys.stdout.write(f"{name:<22}{value}\n")
    if found is not None and found.damaged:
        raise typer.Exit(ArtifactError.exit_code)
