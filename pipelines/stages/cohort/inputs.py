"""Which validated partitions the outcomes of a model are read from.

Why: an event that is missing is a wrong label, so every partition that may have one must be there.
Promise: only manifests are read; nothing that became known after the as-of day counts. A partition
    that was refused, or has no verdict yet, is an error: its events are unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.core.days import shift
from pipelines.core.errors import PartitionRefusedError, TableNotReadyError, listed
from pipelines.core.store import Manifest
from pipelines.protocol import REFUSED, VALIDATED, Work, day_verdict, partition_key, steps_to
from pipelines.shared.tables.known_days import content_as_known
from pipelines.spec import Pipeline
from pipelines.spec.reach import partitions_of_outcomes


@dataclass(frozen=True, slots=True)
class OutcomeInputs:
    """The validated partitions that outcomes are read from.

    Attributes:
        manifests: By table, then by partition, oldest first.
        known_by: The last day that is over when the as-of day begins.
    """

    manifests: Mapping[str, Mapping[str, Manifest]]
    known_by: str

    def digests(self, pipeline: Pipeline) -> dict[str, str]:
        """Digest of each one as it was known by then, by its name in the store."""
        return {
            f"{VALIDATED}/{_key(pipeline, table, key)}": content_as_known(
                each, (self.known_by,)
            )
            for table, manifests in self.manifests.items()
            for key, each in manifests.items()
        }


def outcome_inputs(work: Work) -> OutcomeInputs:
    """Every partition of the outcome's tables that is over when the as-of day begins.

    Raises:
        TableNotReadyError: Partitions have no verdict yet.
        PartitionRefusedError: Partitions were refused.
    """
    wanted = partitions_of_outcomes(work.pipeline, work.model_day, work.history_from)
    found = {name: _accepted(work, name, keys) for name, keys in wanted.items()}
    return OutcomeInputs(found, shift(work.model_day, -1))


def _accepted(work: Work, table: str, keys: list[str]) -> dict[str, Manifest]:
    """The manifests of partitions of a table, all of which are accepted."""
    name = work.pipeline.name
    own = None if table == work.pipeline.examples else table
    found = {key: day_verdict(work.store, name, key, own) for key in keys}
    verdicts = {key: manifest for key, manifest in found.items() if manifest is not None}
    _require_verdicts(work, table, keys, [key for key in keys if key not in verdicts])
    refused = [key for key, m in verdicts.items() if m.outcome.get("verdict") == REFUSED]
    if refused:
        raise PartitionRefusedError(
            f"{work.report.work}: partitions of table {table} were refused ({listed(refused)}), so what "
            f"happened in them is unknown, and no label can be. Repair their source, or the gate, and run "
            f"{steps_to(VALIDATED)} for them again."
        )
    return verdicts


def _require_verdicts(work: Work, table: str, keys: list[str], missing: list[str]) -> None:
    if missing:
        named = "" if table == work.pipeline.examples else f" with --table {table}"
        raise TableNotReadyError(
            f"{work.report.work}: labels follow from table {table}, and {len(missing)} of its {len(keys)} "
            f"partitions by then have no verdict yet ({listed(missing)}). Run {steps_to(VALIDATED)}{named} for "
            f"them first. Or, where its data begins later than {keys[0]}, declare its first day as the "
            f"table's start."
        )


def _key(pipeline: Pipeline, table: str, partition: str) -> str:
    return partition_key(partition, None if table == pipeline.examples else table)
