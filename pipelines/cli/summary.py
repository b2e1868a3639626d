"""Printing what a chain of stages did: a table for people, one line of JSON for programs.

Why: the same facts must be readable and machine-readable.
Promise: JSON goes to stdout alone on its line; nothing else is printed there with it.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import listed
from pipelines.core.store.references import PUBLISHED
from pipelines.core.text import message, readable
from pipelines.shared.tables import UNLABELLED

if TYPE_CHECKING:
    from rich.table import Table

MIB = 1 << 20
DIGEST_CHARS = 16


def print_json(summary: Mapping[str, Any]) -> None:
    """One line of JSON on stdout."""
    sys.stdout.write(json.dumps(summary) + "\n")


def print_summary(summary: Mapping[str, Any]) -> None:
    """Tables on stdout: stages, quarantine, model."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    stages = Table(title=f"{summary['pipeline']} {summary['from']} .. {summary['to']}")
    for column in ("stage", "done", "found", "rows", "seconds", "CPU-s", "rows/s", "peak MiB"):
        stages.add_column(column, justify="left" if column == "stage" else "right")
    for name, facts in summary["stages"].items():
        stages.add_row(
            Text(name),
            str(facts["work"] - facts["cached"]),
            str(facts["cached"]),
            f"{facts['rows']:,}",
            f"{facts['seconds']:.1f}",
            f"{facts['cpu_seconds']:.1f}",
            f"{facts['rows_per_s']:,.0f}",
            f"{facts['peak_memory_bytes'] / MIB:,.0f}",
        )
    console.print(stages)
    if summary.get("folds"):
        console.print(_fold_table(summary))
    lines = (_quarantine_lines, _unlabelled_lines, _model_lines)
    for line in [line for lines_of in lines for line in lines_of(summary)]:
        console.print(message(line), highlight=False, markup=False, soft_wrap=True)


def _fold_table(summary: Mapping[str, Any]) -> "Table":
    """Each metric by the fold that was tested, with its mean and standard deviation; intervals are in the JSON."""
    from rich.table import Table
    from rich.text import Text

    folds, over = summary["folds"], summary["over_folds"]
    table = Table(title=f"{summary['pipeline']}: {len(folds)} folds, each tested once")
    for column in ("metric", *(f"fold {each['fold']}" for each in folds), "mean", "sd"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for name in (n for n in over if not n.endswith(("_low", "_high"))):
        values = [each["metrics"].get(name, float("nan")) for each in folds]
        cells = [*values, over[name]["mean"], over[name]["sd"]]
        table.add_row(Text(name), *(f"{value:.4f}" for value in cells))
    return table


def _unlabelled_lines(summary: Mapping[str, Any]) -> list[str]:
    parts = summary.get(UNLABELLED, {})
    counts = ", ".join(f"{part} {rows:,}" for part, rows in parts.items())
    return [f"rows without a label, scored and left out of all else: {counts}"] if parts else []


def _quarantine_lines(summary: Mapping[str, Any]) -> list[str]:
    rules = ", ".join(f"{rule} {rows:,}" for rule, rows in summary["quarantined"].items())
    lines = [f"quarantined rows: {rules or 'none'}"]
    if "quarantined_before" in summary:
        before = ", ".join(f"{r} {n:,}" for r, n in summary["quarantined_before"].items())
        lines.append(f"quarantined before: {before or 'none'}")
    if summary["refused"]:
        lines.append(f"refused days: {', '.join(summary['refused'])}")
    if summary["pages_missing"]:
        missing = summary["pages_missing"]
        lines.append(
            f"published without {len(missing)} pages ({listed(missing)}): python -m pipelines pages "
            f"{summary['pipeline']} --store ... makes them"
        )
    return lines


def _model_lines(summary: Mapping[str, Any]) -> list[str]:
    if "verdict" not in summary:
        return []
    lines = []
    metrics = {n: value for n, value in summary["metrics"].items() if n != UNLABELLED}
    for name, value in metrics.items():
        spread = summary["over_seeds"][name]
        over = f" (mean of {len(summary['seeds'])} seeds {spread['mean']:.4f}, sd {spread['sd']:.4f})"
        lines.append(f"{name}: {value:.4f}{over if len(summary['seeds']) > 1 else ''}")
    lines.append(f"verdict: {summary['verdict']}. {summary['reason']}")
    if summary["registered"]:
        happened = summary["registered"]
        lines.append(f"fate: {happened['fate']}. {happened['reason']}")
    return [*lines, f"model: {summary['model']['uri']}"]


def print_versions(pipeline: str, versions: Sequence[Mapping[str, Any]]) -> None:
    """A table of registered versions, newest first, that fits a terminal; ``--json`` has every fact."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("version", "what happened", "as of", "seed", "verdict", "digest")
    table.title = f"{pipeline}: registered versions"
    for version in versions:
        facts = [version[name] for name in ("as_of", "seed", "verdict")]
        cells = [
            version["version"],
            _happened(version),
            *facts,
            version["digest"][:DIGEST_CHARS],
        ]
        table.add_row(*(Text(readable(cell)) for cell in cells))
    Console().print(table if versions else f"{pipeline}: no version is registered yet.")


def print_changes(pipeline: str, changes: Sequence[Mapping[str, Any]]) -> None:
    """A table of the champion's changes, newest first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("at (UTC)", "champion", "before", "in force from", "how", "who", "why")
    table.title = f"{pipeline}: changes of the champion"
    for change in changes:
        at = change["at"].removesuffix("+00:00").replace("T", " ")
        versions = [str(change[name] or "none") for name in ("version", "was")]
        texts = [change[name] for name in ("from_day", "how", "who", "why")]
        table.add_row(*(Text(readable(cell)) for cell in (at, *versions, *texts)))
    Console().print(table if changes else f"{pipeline}: no version was champion yet.")


def _happened(version: Mapping[str, Any]) -> str:
    """The fate of a version, by a closer word where there is one."""
    if version["champion"]:
        return "champion"
    return "rolled back" if version["rolled_back"] else version["fate"]


def print_cleaned(pipeline: str, removed: Mapping[str, Any], *, dry_run: bool) -> None:
    """A line for each version that was replaced, with why it stays or goes, and the counts."""
    for each in removed["reasons"]:
        if dry_run or not (each["kept"] and each["why"] == PUBLISHED):
            what = "kept" if each["kept"] else ("would go" if dry_run else "removed")
            name = f"{each['artifact']} {each['version']}"
            size = f"{each['bytes'] / MIB:,.1f} MiB"
            sys.stdout.write(readable(f"{what:8} {name}  {size}  {each['why']}") + "\n")
    counts = (f"{removed[what]} {what}" for what in ("versions", "leftovers", "bytes"))
    verb = "would remove" if dry_run else "removed"
    sys.stdout.write(
        f"{pipeline}: {verb} {', '.join(counts)}; kept {removed['kept']} old versions that something "
        f"refers to\n"
    )
