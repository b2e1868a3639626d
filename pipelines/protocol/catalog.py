"""The stages, found by their records and put in order by what they need.

Why: the record in a stage's own folder is the only file that lists the stage.
Promise: only records are imported, no stage's work; the order is the same on every machine; records
    that do not fit together are refused with what to change.
Not here: what a record says (``stage.py``), whether records fit together (``catalog_checks.py``).
"""

import importlib
import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.protocol.catalog_checks import require_consistent
from pipelines.protocol.stage import EVERY_STAGE, SCOPES, Option, Page, Stage
from pipelines.spec import Pipeline

FOLDER = Path(__file__).resolve().parents[1] / "stages"
RECORD, WORK = "record", "stage"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Stages that fit together, each after those it needs.

    Attributes:
        stages: In the order in which they are run.
        edges: Names of the stages whose work comes directly before a stage's, by its name; without
            those that come before one of the others anyway.
        before: Names of all stages that come before it, by its name.
    """

    stages: tuple[Stage, ...]
    edges: Mapping[str, frozenset[str]]
    before: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, records: Iterable[Stage]) -> "Catalog":
        """The catalog of these records.

        Raises:
            ConfigError: They do not fit together; says which, and what to change.
        """
        found = {stage.name: stage for stage in sorted(records, key=lambda each: each.name)}
        edges = require_consistent(list(found.values()))
        before: dict[str, frozenset[str]] = {}
        for name in TopologicalSorter(edges).static_order():
            before[name] = frozenset(edges[name]).union(*(before[each] for each in edges[name]))
        direct = {
            name: frozenset(e for e in each if not any(e in before[other] for other in each))
            for name, each in edges.items()
        }
        return cls(_in_order(found, edges), direct, before)

    def options(self) -> dict[str, Option]:
        """Every option that some stage may be asked, by its name."""
        every = [*EVERY_STAGE, *(option for stage in self.stages for option in stage.options)]
        return {option.name: option for option in every}

    def pages(self) -> list[Page]:
        """A page of each title, as the buttons of tasks are called."""
        every = [page for stage in self.stages for page in stage.pages]
        return list({page.title: page for page in every}.values())


def _without(stage: Stage, gone: Collection[Stage]) -> Stage:
    """The record of a stage whose work does not wait for those that are gone."""
    given, made = {each.gives for each in gone}, {each.dataset for each in gone}
    takes = tuple(name for name in stage.takes if name not in given)
    needs = tuple(name for name in stage.needs if name not in made)
    return replace(stage, takes=takes, needs=needs)


def _in_order(
    found: Mapping[str, Stage], edges: Mapping[str, Iterable[str]]
) -> tuple[Stage, ...]:
    """Each after those it needs; where that leaves a choice, days first, then by name."""
    sorter, order = TopologicalSorter(edges), list[Stage]()
    sorter.prepare()
    ready = list(sorter.get_ready())
    while ready:
        ready.sort(key=lambda name: (SCOPES.index(found[name].scope), name), reverse=True)
        order.append(found[ready.pop()])
        sorter.done(order[-1].name)
        ready += sorter.get_ready()
    return tuple(order)


def read_records(folder: Path, package: str) -> list[Stage]:
    """The record of each folder that holds one.

    Args:
        folder: Where the stages' folders are.
        package: Its name as a package.

    Raises:
        ConfigError: A record cannot be imported or has no ``STAGE``, or a stage's folder lacks
            one of its two files.
    """
    names = sorted({path.parent.name for path in folder.glob("[!_.]*/*.py")})
    for name, lacking in itertools.product(names, (RECORD, WORK)):
        if (folder / name / f"{lacking}.py").is_file():
            continue
        raise ConfigError(
            f"The folder {folder / name} has no {lacking}.py. A stage has a {RECORD}.py with its "
            f"STAGE and a {WORK}.py with plan and run: add the file, or remove the folder."
        )
    return [_read(f"{package}.{name}.{RECORD}") for name in names]


def _read(module: str) -> Stage:
    try:
        stage = importlib.import_module(module).STAGE
    except Exception as error:
        raise ConfigError(
            f"The record {module} cannot be read: {type(error).__name__}: {error}. It holds "
            f"STAGE = Stage(record=__name__, does=..., scope=..., dataset=...), with the fields of "
            f"pipelines/protocol/stage.py."
        ) from error
    if not isinstance(stage, Stage) or stage.record != module:
        raise ConfigError(
            f"The record {module} has STAGE = {stage!r:.200}. Expected a Stage(record=__name__, ...)."
        )
    return stage


@cache
def catalog() -> Catalog:
    """The catalog of the stages in this tree."""
    return Catalog.of(read_records(FOLDER, "pipelines.stages"))


def catalog_of(pipeline: Pipeline | None) -> Catalog:
    """The catalog of a pipeline's stages; of all of them for None."""
    every = catalog()
    gone = () if pipeline is None else tuple(s for s in every.stages if not s.is_of(pipeline))
    return _left(every.stages, gone) if gone else every


# A DAG file asks for it once a task.
@cache
def _left(every: tuple[Stage, ...], gone: tuple[Stage, ...]) -> Catalog:
    """The catalog without some stages, whose results the others then neither need nor take."""
    return Catalog.of(_without(stage, gone) for stage in every if stage not in gone)


def stages(pipeline: Pipeline | None = None) -> tuple[Stage, ...]:
    """Every stage, or every one of a pipeline, each after those it needs."""
    return catalog_of(pipeline).stages


def chain_stages(*scopes: str, pipeline: Pipeline | None = None) -> tuple[Stage, ...]:
    """The stages of these scopes that every chain runs, or every chain of a pipeline, in order."""
    return tuple(s for s in stages(pipeline) if s.scope in scopes and not s.on_demand)


def stage_named(name: str, pipeline: Pipeline | None = None) -> Stage:
    """The stage of that name.

    Raises:
        ConfigError: There is none, or the pipeline has none; says the nearest one.
    """
    found = {stage.name: stage for stage in stages(pipeline)}
    if name in found:
        return found[name]
    if pipeline is not None and name in {stage.name for stage in stages()}:
        raise ConfigError(
            f"{pipeline.name} has no stage {name!r}: it is for pipelines whose label is an Outcome, or "
            f"whose split is by entity or both. Its stages: {', '.join(found)}."
        )
    raise ConfigError(f"There is no stage {name!r}. {nearest(name, found)}")


def stage_of(dataset: str) -> Stage:
    """The stage that publishes a dataset.

    Raises:
        ConfigError: There is none; says the nearest one.
    """
    found = {stage.dataset: stage for stage in stages()}
    if dataset not in found:
        raise ConfigError(f"No stage publishes {dataset!r}. {nearest(dataset, found)}")
    return found[dataset]


def giver_of(result: str) -> Stage:
    """The stage that gives a result of that name to later ones.

    Raises:
        ConfigError: There is none; says the nearest one.
    """
    found = {stage.gives: stage for stage in stages() if stage.gives}
    if result not in found:
        raise ConfigError(f"No stage gives {result!r}. {nearest(result, found)}")
    return found[result]


def stages_before(stage: Stage, pipeline: Pipeline | None = None) -> tuple[Stage, ...]:
    """The stages whose work comes directly before a stage's, in a pipeline's chain or in any."""
    known = catalog_of(pipeline)
    return tuple(each for each in known.stages if each.name in known.edges[stage.name])


def steps_to(
    dataset: str, *, scopes: Iterable[str] = SCOPES, pipeline: Pipeline | None = None
) -> str:
    """Names of the stages of these scopes that lead to a dataset: ``ingest, validate and featurize``.

    Of the stages that only some pipelines have, those of ``pipeline`` are named.
    """
    last = stage_of(dataset)
    before = catalog().before[last.name]
    own = [s for s in stages(pipeline) if pipeline is not None or not s.only_where]
    names = [s.name for s in own if s.name in before and s.scope in scopes]
    return " and ".join(filter(None, (", ".join(names), last.name)))
