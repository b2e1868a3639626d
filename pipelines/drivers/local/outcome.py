"""The table that ends the demonstration: what happened, in numbers.

Why: a person should see rows, refusals, metrics and verdict without opening a file.
Promise: every number is read from a published manifest; nothing is computed anew.
Not here: doing the work (``flow.py``), the model card (``pipelines/stages/evaluate/``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from rich.table import Table
from rich.text import Text

from pipelines.core.store import Manifest
from pipelines.core.text import readable
from pipelines.drivers.chain_summary import EVALUATED, PROMOTED
from pipelines.drivers.local.console import Terminal
from pipelines.drivers.local.published import Published
from pipelines.drivers.reachable import reachable
from pipelines.protocol import REFUSED, giver_of
from pipelines.spec.simulation import best_scores_of

MIB = 1 << 20
LOW, HIGH = "_low", "_high"


def print_outcome(
    terminal: Terminal, published: Published, as_of: str, scored: Sequence[Manifest] = ()
) -> None:
    """Print what the window's partitions, its model and the partitions that it scored came to."""
    days = {each.name: published.manifests(each.name) for each in published.day_stages}
    models = {
        each.name: published.manifest(each.name, as_of=as_of) for each in published.model_stages
    }
    made = days | {stage: [found] for stage, found in models.items() if found is not None}
    window = published.window
    terminal.console.print(_stage_table(made, f"{window.first} to {window.last}"))
    terminal.console.print(_quarantine_table([*chain.from_iterable(days.values())]))
    evaluated, promoted = (models[giver_of(each).name] for each in (EVALUATED, PROMOTED))
    if evaluated is not None:
        terminal.console.print(_metric_table(evaluated.outcome["metrics"], as_of))
        terminal.line(f"Verdict: {evaluated.outcome['verdict']}. {evaluated.outcome['reason']}")
        _print_reachable(terminal, published, as_of)
    if promoted is not None:
        terminal.line(f"Fate: {promoted.outcome['fate']}. {promoted.outcome['reason']}.")
    if scored:
        print_scores(terminal, scored)
    spent = ", ".join(f"{title} {seconds:.0f} s" for title, seconds in terminal.seconds.items())
    terminal.line(f"This run: {spent}; {sum(terminal.seconds.values()):.0f} s in all.")


def _print_reachable(terminal: Terminal, published: Published, as_of: str) -> None:
    """How near the model comes to the best score that the simulated rows allow, where that is known."""
    name = published.pipeline.name
    if best_scores_of(name) is None:
        return
    source = published.home.source_of(name)
    found = reachable(name, f"file://{published.home.store}", source, as_of)
    terminal.line(
        f"Concordance {found.model:.4f}; best reachable {found.recorded:.4f}, of which the model reaches "
        f"{found.share:.1%} above 0.5; by the hidden state {found.hidden:.4f}."
    )


def _stage_table(made: Mapping[str, Sequence[Manifest]], title: str) -> Table:
    table = _table(title, "stage", "artifacts", "rows", "seconds", "rows/s", "peak MiB")
    for stage, manifests in made.items():
        rows = sum(int(manifest.outcome["rows"]) for manifest in manifests)
        seconds = sum(float(manifest.made["seconds"]) for manifest in manifests)
        peak = max((int(m.made["peak_memory_bytes"]) for m in manifests), default=0)
        speed = f"{rows / seconds:,.0f}" if seconds else ""
        table.add_row(
            stage,
            str(len(manifests)),
            f"{rows:,}",
            f"{seconds:.1f}",
            speed,
            f"{peak / MIB:,.0f}",
        )
    return table


def _quarantine_table(validated: Sequence[Manifest]) -> Table:
    rules: Counter[str] = Counter()
    for manifest in validated:
        rules.update(manifest.outcome["quarantined"])
    table = _table("quarantine", "rule", "rows")
    for rule, rows in sorted(rules.items()):
        table.add_row(Text(readable(rule)), f"{rows:,}")
    refused = [manifest.key for manifest in validated if manifest.outcome["verdict"] == REFUSED]
    if refused or not rules:
        table.add_row("refused", ", ".join(refused) or "none")
    return table


def _metric_table(metrics: Mapping[str, float], as_of: str) -> Table:
    table = _table(f"model as of {as_of}", "metric on the test days", "value", "95 % interval")
    for name, value in metrics.items():
        if name.endswith((LOW, HIGH)):
            continue
        low, high = metrics.get(name + LOW), metrics.get(name + HIGH)
        interval = "" if low is None or high is None else f"{low:.4f} to {high:.4f}"
        table.add_row(name, f"{value:.4f}", interval)
    return table


def print_scores(terminal: Terminal, scored: Sequence[Manifest]) -> None:
    """Print rows and alerts of each partition that was scored, and with which version."""
    table = _table("scores", "partition", "version", "rows", "alerts", "mean probability")
    for manifest in scored:
        metrics = manifest.outcome["metrics"]
        alerts, mean = metrics.get("alerts"), metrics.get("mean_probability")
        table.add_row(
            manifest.key.rpartition("ds=")[2],
            f"{metrics['version']:.0f}",
            f"{manifest.outcome['rows']:,}",
            "" if alerts is None else f"{alerts:,.0f}",
            "" if mean is None else f"{mean:.4f}",
        )
    terminal.console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table
