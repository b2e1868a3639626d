"""Everything that can be known of a pipeline before it runs.

Why: a missing column or a read-only store should cost a second, not a night.
Promise: each check is independent, says what it found with values, and leaves at most an
    empty store folder.
"""

from collections.abc import Callable
from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.core.store import Store
from pipelines.drivers.local.doctor import describe
from pipelines.drivers.preconditions import require_store
from pipelines.drivers.scaffold.finding import Finding, found_by
from pipelines.drivers.scaffold.source_check import has_source, source_findings
from pipelines.protocol import stages
from pipelines.spec import Pipeline, load
from pipelines.spec.registry import own_names


def findings(
    name: str, *, source: str | None, store: str | None, day: str | None, read: bool = True
) -> list[Finding]:
    """Look at the declaration, the machine, and whichever of source and store is given.

    Args:
        name: Name of the pipeline.
        source: Source root of tables without one of their own.
        store: The store.
        day: Day of the source; by default the first of the data.
        read: Whether to read from the sources.

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
    found = [found_by(look) for look in looks]
    if read and any(has_source(table, source) for table in pipeline.tables):
        found += source_findings(pipeline, source, day)
    elif day:
        raise ConfigError(
            "--day is a day of the source. Pass --source with the folder that has it."
        )
    if store is not None:
        found.append(found_by(lambda: _store(Store(store))))
    return found


def findings_of_all(store: str | None) -> dict[str, list[Finding]]:
    """The same without sources, for each pipeline of the project; one that cannot be loaded is a finding."""
    found: dict[str, list[Finding]] = {}
    for name in own_names():
        try:
            found[name] = findings(name, source=None, store=store, day=None, read=False)
        except ConfigError as error:
            found[name] = [Finding(ok=False, text=str(error))]
    return found


def _declaration(pipeline: Pipeline) -> str:
    from pipelines.stages.featurize.feature_plan import plan_features

    plan_features(pipeline)
    return (
        f"declaration: {len(pipeline.table.columns)} columns, "
        f"{len(pipeline.feature_names())} features looking back {pipeline.longest_look_back_days()} days, "
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


def _store(store: Store) -> str:
    require_store(store)
    return f"store: {store.root if store.is_local else store.uri} can be written"
