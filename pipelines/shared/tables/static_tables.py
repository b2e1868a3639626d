"""The validated static tables that the work on another table reads.

Why: which version of a static table was read is part of what names the work.
Promise: nothing heavy is imported.
"""

from collections.abc import Iterable, Mapping

from pipelines.core.errors import InputMissingError
from pipelines.core.partitions import ALL
from pipelines.core.store import Manifest
from pipelines.protocol import VALIDATED, Work, stage_of

INGESTED = "ingested"


def input_name(table: str) -> str:
    """The name of a static table among a plan's inputs."""
    return f"{VALIDATED}/table={table}"


def validated_static_tables(work: Work, tables: Iterable[str], why: str) -> dict[str, Manifest]:
    """The validated static tables, by input.

    Args:
        work: What reads them.
        tables: Their names.
        why: What of the work's table needs them, for the message.

    Raises:
        InputMissingError: One was not taken in yet; says how.
        PartitionRefusedError: One was refused.
    """
    return {input_name(table): _validated(work, table, why) for table in sorted(set(tables))}


def contents_of(static: Mapping[str, Manifest]) -> dict[str, str]:
    """What a plan depends on of static tables."""
    return {name: manifest.content for name, manifest in static.items()}


def _validated(work: Work, table: str, why: str) -> Manifest:
    manifest = work.find(work.of_table(table, ALL).partition_ref(VALIDATED))
    if manifest is None:
        run = f"python -m pipelines stage {{}} {work.pipeline.name} --table {table} --partition {ALL}"
        raise InputMissingError(
            f"{work.report.work}: {work.pipeline.table.name} needs {table} ({why}), which was "
            f"not validated yet. Run `{run.format(stage_of(INGESTED).name)}`, then "
            f"`{run.format(stage_of(VALIDATED).name)}`, with the same --store (and --source)."
        )
    return work.accepted(manifest)
