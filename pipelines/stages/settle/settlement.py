"""A settlement: the estimates of a partition's scores, and what those scores were worth whose labels are now known.

Promise: the same inputs give the same bytes. Every row is counted once: as one that metrics are made from, or under
    the reason why it is not. An estimate is a function of scores alone, so it is the same when it is first published
    and when it is shown beside what came true.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.protocol import Work
from pipelines.shared.metrics.confidence import expected_metrics
from pipelines.shared.metrics.decisions import ALERTS, ROWS
from pipelines.shared.settlements.files import RESAMPLED, SETTLED
from pipelines.shared.tables.row_positions import ABSENT, row_positions
from pipelines.shared.tables.schema import parquet_options
from pipelines.spec import Binary
from pipelines.stages.settle.given import (
    DECISION,
    PROBABILITY,
    SCORE,
    GivenScores,
    given_scores,
    key_columns_of,
)
from pipelines.stages.settle.inputs import (
    MaturedPartition,
    PartitionScores,
    SettlementInputs,
    label_part,
    leaves_out_known,
)
from pipelines.stages.settle.realised import realised, resampled_rows
from pipelines.stages.settle.rows import (
    KnownEvents,
    PartitionRows,
    key_names,
    labelled_rows,
    scored_rows,
    subgroup_columns,
)

Json = dict[str, Any]

GIVEN_COUNTS = (ROWS, ALERTS)
"""What an estimate knows, and does not estimate."""


@dataclass(slots=True)
class Settlement:
    """One partition's settlement while it is made.

    Attributes:
        work: Whose it is.
        inputs: What it is made from.
        resampled: Metrics of each resample.
    """

    work: Work
    inputs: SettlementInputs
    resampled: list[Json] = field(default_factory=list)
    _events: dict[str, Any] = field(default_factory=dict)

    def write(self, out: Path) -> Json:
        """Make it, write its files, and return what ``settled.json`` holds."""
        pipeline = self.work.pipeline
        settled: Json = {
            "pipeline": pipeline.name,
            "partition": self.work.day,
            "settled_days": pipeline.label.settled_days(),
            "alert_entity": pipeline.evaluation.alert_entity,
            "bootstrap_samples": pipeline.evaluation.bootstrap_samples,
            "estimates": self._estimates(self.inputs.own),
            "no_estimate": self._no_estimate(),
            "matured": [self._matured(each) for each in self.inputs.matured],
        }
        text = json.dumps(settled, indent=1, allow_nan=False)
        (out / SETTLED).write_text(text + "\n", encoding="utf-8")
        if self.resampled:
            table = pa.Table.from_pylist(self.resampled, schema=_schema(self.resampled))
            pq.write_table(table, out / RESAMPLED, **parquet_options(table.schema))
        return settled

    def _no_estimate(self) -> str:
        head = self.work.pipeline.head
        if not isinstance(head, Binary):
            return (
                f"Without labels the worth of scores is estimated for a Binary head alone; this one is "
                f"{type(head).__name__}."
            )
        if not self.inputs.own.artifacts:
            return f"{self.work.day} was refused, so none of its rows was scored."
        return ""

    def _estimates(self, scores: PartitionScores) -> list[Json]:
        """What each model's scores lead one to expect of the rows that count."""
        if not isinstance(self.work.pipeline.head, Binary):
            return []
        known = self._known_rows(scores)
        return [
            each.names() | self._expected(each, known)
            for each in given_scores(self.work.store, self.work.pipeline, scores)
        ]

    def _known_rows(self, scores: PartitionScores) -> dict[str, PartitionRows]:
        """Rows of a partition by the version of its scores, where some of them do not count."""
        pipeline = self.work.pipeline
        if not leaves_out_known(pipeline):
            return {}
        found = {}
        for _, manifest in scores.artifacts:
            keys = key_columns_of(self.work.store, manifest, key_names(pipeline))
            rows = scored_rows(keys, pipeline)
            column = keys[pipeline.resampled_column()]
            found[manifest.digest] = self._knowing().marked(rows, column, scores.partition)
        return found

    def _expected(self, given: GivenScores, rows: dict[str, PartitionRows]) -> Json:
        counted = np.ones(len(given.ids), bool)
        for each in rows.values():
            at = row_positions(given.ids, each.ids)
            known = at != ABSENT
            counted[known] = ~each.known[at[known]]
        some = {name: values[counted] for name, values in given.predictions.items()}
        expected = expected_metrics(
            some[SCORE],
            some[PROBABILITY].astype(np.float64),
            some.get(DECISION),
            self.work.pipeline.evaluation.costs,
        )
        return {
            "rows_scored": len(counted),
            "known": int((~counted).sum()),
            "expected": expected,
        }

    def _matured(self, matured: MaturedPartition) -> Json:
        """What was learnt of a partition whose labels have become known."""
        found: Json = {"partition": matured.scores.partition, "says": matured.says}
        if matured.features is None:
            return found
        pipeline, partition = self.work.pipeline, matured.scores.partition
        part = label_part(self.inputs, matured.features)
        path = self.work.store.open(matured.features) / part
        rows, keys = labelled_rows(path, pipeline)
        if leaves_out_known(pipeline):
            rows = self._knowing().marked(rows, keys, partition)
        columns = subgroup_columns(path, pipeline)
        expected = {
            (each["model_version"], each["model_digest"]): each["expected"]
            for each in self._estimates(matured.scores)
        }
        models = []
        for given in given_scores(self.work.store, pipeline, matured.scores):
            own = expected.get((given.version, given.digest), {})
            models.append(given.names() | self._model(given, rows, columns, own, partition))
        labels = {
            "features": str(matured.features.files[part]["sha256"]),
            "known_by": self.inputs.known_on,
            "rows": len(rows.ids),
            "without_label": int(np.isnan(rows.labels).sum()),
        }
        return found | {"labels": labels, "models": models}

    def _model(
        self,
        given: GivenScores,
        rows: PartitionRows,
        columns: dict[str, NDArray[Any]],
        expected: dict[str, float],
        partition: str,
    ) -> Json:
        """One model's scores beside the labels."""
        at = row_positions(rows.ids, given.ids)
        there, labelled = at != ABSENT, ~np.isnan(rows.labels)
        counted = there & labelled & ~rows.known
        counts = {
            "scored": len(given.ids),
            "without_score": int((~there).sum()),
            "no_longer_there": len(given.ids) - int(there.sum()),
            "without_label": int((there & ~labelled).sum()),
            "known": int((there & labelled & rows.known).sum()),
            "counted": int(counted.sum()),
        }
        if not counts["counted"]:
            says = "None of its rows has a label and counts, so nothing is measured."
            return {
                "counts": counts,
                "says": says,
                "metrics": {},
                "intervals": {},
                "groups": [],
            }
        measured = realised(
            self.work.pipeline,
            rows.of_rows(counted),
            {name: values[at[counted]] for name, values in given.predictions.items()},
            {name: values[counted] for name, values in columns.items()},
        )
        self.resampled += resampled_rows(
            {"partition": partition} | given.names(), measured.each
        )
        both = [
            name for name in expected if name in measured.metrics and name not in GIVEN_COUNTS
        ]
        return {
            "counts": counts,
            "says": "",
            "metrics": measured.metrics,
            "intervals": measured.intervals,
            "expected": expected,
            "errors": {name: expected[name] - measured.metrics[name] for name in both},
            "groups": measured.groups,
        }

    def _knowing(self) -> KnownEvents:
        return KnownEvents(self.work, self.inputs, self._events)


def _schema(rows: list[Json]) -> pa.Schema:
    texts, wholes = {"partition", "model_digest", "role"}, {"model_version", "resample"}
    names = dict.fromkeys(name for row in rows for name in row)
    kinds = {n: pa.string() if n in texts else pa.int64() for n in texts | wholes}
    return pa.schema([(n, kinds.get(n, pa.float64())) for n in names])
