"""Everything that can be known of a pipeline before it runs.

Why: a missing column or a read-only store should cost a second, not a night.
Promise: each check is independent, says what it found with values, and leaves at most an
    empty store folder.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.core.errors import ConfigError, PipelineError
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.core.text import counted
from pipelines.drivers.local.doctor import describe
from pipelines.drivers.preconditions import require_store
from pipelines.protocol import Work, stages
from pipelines.spec import Pipeline, load
from pipelines.spec.registry import own_names


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: Whether a run could go on.
        text: What was found, with values, and what to do if it is not ok.
    """

    ok: bool
    text: str

    def as_dict(self) -> dict[str, object]:
        """The finding as JSON."""
        return asdict(self)


def findings(
    name: str, *, source: str | None, store: str | None, day: str | None
) -> list[Finding]:
    """Look at the declaration, the machine, and whichever of source and store is given.

    Raises:
        ConfigError: There is no such pipeline, its declaration has mistakes, or a stage's record has.
    """
    pipeline = load(name)
    stages()
    looks: list[Callable[[], str]] = [
        lambda: _declaration(pipeline),
        lambda: _gate(pipeline, day or pipeline.schedule.start),
        _machine,
    ]
    if source is not None:
        looks.append(lambda: _source(pipeline, source, day))
    if store is not None:
        looks.append(lambda: _store(Store(store)))
    return [_found(look) for look in looks]


def findings_of_all(store: str | None) -> dict[str, list[Finding]]:
    """The same for each pipeline of the project; one that cannot be loaded is a finding."""
    found: dict[str, list[Finding]] = {}
    for name in own_names():
        try:
            found[name] = findings(name, source=None, store=store, day=None)
        except ConfigError as error:
            found[name] = [Finding(ok=False, text=str(error))]
    return found


def _found(look: Callable[[], str]) -> Finding:
    try:
        return Finding(ok=True, text=look())
    except (PipelineError, OSError) as error:
        return Finding(ok=False, text=str(error))
    except Exception as error:  # a custom expectation may raise what it likes
        return Finding(ok=False, text=f"{type(error).__name__}: {error}")


def _declaration(pipeline: Pipeline) -> str:
    return (
        f"declaration: {len(pipeline.table.columns)} columns, "
        f"{len(pipeline.feature_names())} features looking back {pipeline.look_back_days()} days, "
        f"label {pipeline.label.settled_days()} days late"
    )


def _gate(pipeline: Pipeline, day: str) -> str:
    """Evaluate every rule of the gate on made-up rows: finds those that no day could be validated by."""
    from pipelines.drivers.scaffold.gate_trial import gate_problems

    number, problems = gate_problems(pipeline, day)
    if problems:
        raise ConfigError("gate: " + "\n      ".join(problems))
    return f"gate: {number} rules, each of which can be evaluated"


def _machine() -> str:
    return "machine: " + ", ".join(
        f"{name} {value}" for name, value in describe(Path()).items()
    )


def _source(pipeline: Pipeline, source: str, day: str | None) -> str:
    """Plan an ingest: finds the files and looks over their form, without reading the rows."""
    from pipelines.stages.ingest.record import STAGE as INGEST
    from pipelines.stages.ingest.stage import plan

    partition = day or pipeline.schedule.start
    work = Work(
        pipeline=pipeline,
        store=Store("."),
        report=Reporter(f"{INGEST.name} ds={partition}"),
        partition=partition,
        source=source,
        history_from=partition,
    )
    files = plan(work).inputs
    return f"source: {counted(len(files), 'file')} for {partition}: {', '.join(files)}"


def _store(store: Store) -> str:
    require_store(store)
    return f"store: {store.root if store.is_local else store.uri} can be written"
