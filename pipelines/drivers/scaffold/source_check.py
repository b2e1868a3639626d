"""Everything that can be known of a pipeline's sources before a run, one table after another.

Why: a column of another type, a rule that refuses every day or a wrong time zone should cost seconds.
Promise: a finding for each thing looked at, with values; a failed one where a run of these rows would
    fail. Tables are independent of each other.
Not here: reading the rows (``source_sample.py``), what the stages say of them (``sample_trial.py``).
"""

import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import listed
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.core.text import counted
from pipelines.drivers.scaffold.finding import Finding, found_by
from pipelines.drivers.taking_in import tables_in_order
from pipelines.protocol import Work
from pipelines.spec import Pipeline, Query, Source, Table

if TYPE_CHECKING:
    from pipelines.drivers.scaffold.sample_trial import SampleTrial
    from pipelines.drivers.scaffold.source_sample import SourceSample

MOST_LISTED = 1000


def has_source(table: Table, source: str | None) -> bool:
    """Whether it is known where a table's rows are; those of landmarks are in no source."""
    own = table.source
    if table.derived_from:
        return False
    if isinstance(own, Query):
        return bool(source or own.connection)
    return bool(source or own.root)


def source_findings(pipeline: Pipeline, source: str | None, day: str | None) -> list[Finding]:
    """What is found of each table whose source is known."""
    from pipelines.drivers.scaffold.sample_trial import sample_trial

    found, accepted = list[Finding](), dict[str, "SourceSample"]()
    with sample_trial() as trial:
        for table in tables_in_order(pipeline):
            work = _work(pipeline, table, source, day)
            if has_source(table, source):
                found += _of_table(work, trial, accepted)
            elif table.derived_from in accepted:
                found += _of_landmarks(work, accepted[table.derived_from], trial)
    return found


def _work(pipeline: Pipeline, table: Table, source: str | None, day: str | None) -> Work:
    partitions = table.partitions(pipeline.time_zone)
    key = partitions.of_day(day or table.start or pipeline.schedule.start)
    work = Work(
        pipeline=pipeline,
        store=Store("."),
        report=Reporter(f"{table.name} of {key}", sink=lambda event: None),
        source=source,
        history_from=partitions.first_day(key) if table.event_time else pipeline.schedule.start,
    )
    return work.of_table(table.name, key)


def _of_table(
    work: Work, trial: "SampleTrial", accepted: "dict[str, SourceSample]"
) -> list[Finding]:
    """What is found of a table that has a source; its sample is noted if the gate accepts it."""
    from pipelines.drivers.scaffold.source_sample import sample_of

    table, samples = work.pipeline.table, list["SourceSample"]()

    def read() -> str:
        samples.append(sample_of(work))
        return _described(samples[0])

    where = f"source of {table.name}: "
    first = found_by(read, where)
    if not samples:
        return [Finding(ok=False, text=f"{first.text}{_others(work)}")]
    problems = [Finding(ok=False, text=f"{where}{text}") for text in samples[0].problems]
    if problems:
        return problems
    gate = _gate_finding(samples[0], trial, where)
    if gate.ok:
        accepted[table.name] = samples[0]
    return [first, *_of_sample(samples[0], gate, trial, where)]


def _of_landmarks(work: Work, events: "SourceSample", trial: "SampleTrial") -> list[Finding]:
    """What is found of landmarks, derived from the sample of their events."""
    from pipelines.drivers.scaffold.landmarks_sample import landmarks_of_sample

    samples, where = list["SourceSample"](), f"{work.pipeline.table.name}: "

    def derive() -> str:
        sample, text = landmarks_of_sample(work, events, trial)
        samples.append(sample)
        return text

    found = _placed(found_by(derive, where), where)
    if not samples or not samples[0].rows.num_rows:
        return [found]
    gate = _gate_finding(samples[0], trial, where)
    return [found, *_of_sample(samples[0], gate, trial, where)]


def _others(work: Work) -> str:
    """What the source has of other partitions, where it is a folder."""
    source = work.pipeline.table.source
    root = getattr(source, "root", "") or work.source or ""
    if not isinstance(source, Source) or "://" in root or not Path(root).is_dir():
        return ""
    found = Path(root).glob(re.sub(r"\{[^}]*\}", "*", source.path.lstrip("/")))
    names = sorted(path.relative_to(root).as_posix() for path in islice(found, MOST_LISTED))
    return f" The source has others: {listed(names, 3)}." if names else ""


def _described(sample: "SourceSample") -> str:
    extra = f"; not declared and ignored: {listed(sample.extra, 10)}" if sample.extra else ""
    return (
        f"source of {sample.table.name}: {counted(len(sample.files), 'file')} for {sample.work.day}: "
        f"{listed(sample.files)}; {sample.described()} have the declared columns and types{extra}"
    )


def _gate_finding(sample: "SourceSample", trial: "SampleTrial", where: str) -> Finding:
    """What the gate says of a sample."""
    return found_by(lambda: _gate(sample, trial), f"{where}{_validated(sample)} ")


def _of_sample(
    sample: "SourceSample", gate: Finding, trial: "SampleTrial", where: str
) -> list[Finding]:
    """What is found in the rows of a sample, and what the stages say of them."""
    from pipelines.drivers.scaffold.sample_facts import keys_and_categories, labels_of, times_of

    times = found_by(lambda: times_of(sample))
    looks = [times, gate, found_by(lambda: keys_and_categories(sample))]
    if gate.ok and sample.work.table is None:
        looks += [
            found_by(lambda: labels_of(sample, trial.good_rows(sample))),
            found_by(lambda: trial.featurize(sample)),
        ]
    return [_placed(finding, where) for finding in looks if finding.text]


def _placed(finding: Finding, where: str) -> Finding:
    text = finding.text if finding.text.startswith(where) else f"{where}{finding.text}"
    return Finding(finding.ok, text)


def _gate(sample: "SourceSample", trial: "SampleTrial") -> str:
    noticed = trial.validate(sample)
    return f"of {_validated(sample)}, {noticed or 'each keeps every rule'}"


def _validated(sample: "SourceSample") -> str:
    """Which rows the gate was tried on: of files for all time, those of one partition."""
    from pipelines.drivers.scaffold.sample_trial import partition_of, rows_of_partition

    if not sample.table.is_for_all_time:
        return sample.described()
    partitions = sample.work.pipeline.partitions()
    rows = counted(rows_of_partition(sample).num_rows, "row")
    return f"{rows} of {partitions.described(partition_of(sample))}"
