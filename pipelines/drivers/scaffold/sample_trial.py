"""Validating and featurizing the first rows of a source as a run would, in a store that is thrown away.

Why: whether a rule would refuse a partition, or a feature cannot be computed, is best said by the stages
    themselves.
Promise: the stages' own verdicts on these rows; nothing outside of a temporary folder is written.
Not here: reading the rows (``source_sample.py``).
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.core.errors import InputMissingError, PartitionRefusedError, TransientError
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.core.text import readable
from pipelines.drivers.scaffold.source_sample import SourceSample
from pipelines.protocol import Plan, StageOutcome, Work, perform, ref_of
from pipelines.protocol.publishing import publish_work
from pipelines.shared.expectations.quarantined import RULE, VALUE
from pipelines.shared.expectations.rules import rules_of
from pipelines.stages.featurize.record import STAGE as FEATURIZE
from pipelines.stages.ingest.day import DayWriter
from pipelines.stages.ingest.record import STAGE as INGEST
from pipelines.stages.validate.record import STAGE as VALIDATE
from pipelines.stages.validate.splitting import PART, QUARANTINE

# What a verdict says for people who have its files.
FILES_OF_VERDICT = "report.html and quarantine.parquet of this verdict show the rows. "
EXAMPLES = 5
log = logging.getLogger("millrace")


class SampleTrial:
    """A store of one check, in which the samples of its tables are published."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(str(folder))

    def validate(self, sample: SourceSample) -> str:
        """Validate a sample; says what would go to quarantine.

        Raises:
            PartitionRefusedError: The gate refuses it; says which rules and values.
        """
        work = self._work(sample)
        rows = rows_of_partition(sample)
        ref, plan = ref_of(INGEST, work), Plan(inputs={}, config={}, code={})
        with self._store.lock(ref):
            publish_work(work, INGEST.name, ref, plan, lambda out: _write(work, rows, out))
        try:
            result = perform(VALIDATE, work, reach=False)
        except PartitionRefusedError as error:
            said = str(error).replace(FILES_OF_VERDICT, "").partition(": ")[2] or str(error)
            raise PartitionRefusedError(f"{said}{self._examples(work)}") from error
        said = str(result["reason"]).replace("went to quarantine", "would go to quarantine")
        return f"{said}{self._examples(work)}" if said else ""

    def good_rows(self, sample: SourceSample) -> pa.Table:
        """The rows of a validated sample that are not quarantined."""
        return pq.read_table(self.good_file(sample))

    def good_file(self, sample: SourceSample) -> Path:
        """The file with these rows."""
        manifest = self._store.find(ref_of(VALIDATE, self._work(sample)))
        assert manifest is not None  # it was validated
        return self._store.open(manifest) / PART

    def featurize(self, sample: SourceSample) -> str:
        """Compute the features of a validated sample of the examples.

        Raises:
            PipelineError: They cannot be computed.
        """
        try:
            result = perform(FEATURIZE, self._work(sample), reach=False)
        except (TransientError, InputMissingError):
            return ""  # they need partitions of which there is no sample
        return (
            f"features: {len(sample.work.pipeline.feature_names())} of {result['rows']:,} rows"
        )

    def _work(self, sample: SourceSample) -> Work:
        work, gate = sample.work, sample.work.pipeline.validation
        if not sample.is_whole:
            gate = replace(gate, min_rows=0)
        return replace(
            work,
            pipeline=replace(work.pipeline, validation=gate),
            store=self._store,
            report=Reporter(work.report.work, sink=lambda event: None),
            partition=partition_of(sample),
        )

    def _examples(self, work: Work) -> str:
        """Some quarantined values of each rule."""
        manifest = self._store.find(ref_of(VALIDATE, work))
        if manifest is None:
            return ""
        lines = pq.read_table(self._store.open(manifest) / QUARANTINE, columns=[RULE, VALUE])
        hidden = {rule.name for rule in rules_of(work.pipeline, work.day) if rule.sensitive}
        rules = [r for r in pc.unique(lines[RULE]).to_pylist() if r not in hidden]
        return "".join(f"\n      {rule}: {_values(lines, rule)}" for rule in rules[:EXAMPLES])


@contextmanager
def sample_trial() -> Iterator[SampleTrial]:
    """A trial, whose store is removed at the end."""
    level = log.level
    log.setLevel(logging.ERROR)  # the stages' own lines are about no run
    try:
        with tempfile.TemporaryDirectory(prefix="millrace-check-") as folder:
            yield SampleTrial(Path(folder))
    finally:
        log.setLevel(level)


def _values(lines: pa.Table, rule: str) -> str:
    values = pc.unique(lines.filter(pc.equal(lines[RULE], rule))[VALUE]).to_pylist()
    return ", ".join(readable(str(value)) for value in values[:EXAMPLES])


def partition_of(sample: SourceSample) -> str:
    """The sample's partition; of files for all time that of the first row since the data begins."""
    table, day = sample.table, sample.work.day
    if not table.is_for_all_time or not sample.rows.num_rows:
        return day
    times = pc.drop_null(sample.rows[table.time_column].combine_chunks())
    if not len(times):
        return day
    pipeline = sample.work.pipeline
    of, times = pipeline.partitions(), times.cast(pa.timestamp("us", "UTC"))
    begin = of.start(of.of_day(table.start or pipeline.schedule.start))
    since = times.filter(pc.greater_equal(times, pa.scalar(begin, times.type)))
    return of.of_time((since if len(since) else times)[0].as_py())


def rows_of_partition(sample: SourceSample) -> pa.Table:
    """The rows of the partition; those of others, in files for all time, are ingested with others."""
    if not sample.table.is_for_all_time:
        return sample.rows
    begin, end = (
        pa.scalar(bound.replace(tzinfo=None), pa.timestamp("us"))
        for bound in sample.work.pipeline.partitions().bounds(partition_of(sample))
    )
    times = sample.rows[sample.table.time_column]
    return sample.rows.filter(pc.and_(pc.greater_equal(times, begin), pc.less(times, end)))


def _write(work: Work, rows: pa.Table, out: Path) -> StageOutcome:
    writer = DayWriter(work.pipeline, work.day, out)
    for block in _blocks(rows):
        writer.add(block)
    writer.close()
    return StageOutcome(rows=rows.num_rows)


def _blocks(rows: pa.Table) -> Sequence[pa.Table]:
    return [rows] if rows.num_rows else []
