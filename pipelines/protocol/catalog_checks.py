"""Whether the records of all stages fit together.

Why: a stage is added by one folder, and what is wrong with it must be said before anything runs.
Promise: each error names the stages and what to change in which record.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.store.code_units import FOLDER
from pipelines.protocol.record_types import type_problems
from pipelines.protocol.stage import (
    DATA_DAG,
    EVERY_STAGE,
    MODEL,
    MODEL_DAG,
    PARTITION,
    SCOPES,
    WINDOW,
    Option,
    Stage,
)
from pipelines.spec import Pipeline

NAME = re.compile("[a-z][a-z0-9_]*")
FILE = re.compile(r"[a-z][a-z0-9_]*\.html")

ONLY_FOR = {
    "reads_source": (PARTITION,),
    "runs_after_refusal": (PARTITION,),
    "first_seed_only": (MODEL,),
    "approval": (WINDOW, MODEL),
}
"""Scopes that a field has a meaning for."""

Edges = dict[str, frozenset[str]]


def require_consistent(stages: Sequence[Stage]) -> Edges:
    """Check records against one another.

    Returns:
        For each stage the names of those whose work comes before its own.

    Raises:
        ConfigError: They do not fit together.
    """
    for stage in stages:
        _require_sound(stage)
    _require_distinct(stages, "dataset", lambda stage: stage.dataset)
    _require_distinct(stages, "gives", lambda stage: stage.gives)
    _require_distinct(stages, "approval", lambda stage: stage.approval)
    _require_one_kind_of_option(stages)
    edges = _edges(stages)
    _require_order(edges)
    for stage in stages:
        for earlier in stages:
            if earlier.name in edges[stage.name]:
                _require_run_before(stage, earlier)
    return edges


def _require_sound(stage: Stage) -> None:
    wrong = type_problems(stage) or [text for is_wrong, text in _problems(stage) if is_wrong]
    if wrong:
        raise ConfigError(f"The record {stage.record}: {'; '.join(wrong)}. Correct it there.")


def _problems(stage: Stage) -> list[tuple[object, str]]:
    """What a record may say that is wrong, and whether it says so."""
    names = {"gives": stage.gives, "approval": stage.approval, "pool": stage.pool}
    return [
        (stage.scope not in SCOPES, f"scope is {stage.scope!r}, not one of {_named(SCOPES)}"),
        (not NAME.fullmatch(stage.name), "its folder's name is not a lower-case identifier"),
        (
            not NAME.fullmatch(stage.dataset),
            f"dataset {stage.dataset!r} is not a lower-case name",
        ),
        (not stage.does.strip(), "does is empty, and is the line that people read"),
        (stage.timeout.total_seconds() <= 0, f"timeout is {stage.timeout}, not above 0"),
        (stage.retries < 0, f"retries is {stage.retries}, below 0"),
        *(
            (
                getattr(stage, field) and stage.scope not in scopes,
                f"{field} is for {_named(scopes)}",
            )
            for field, scopes in ONLY_FOR.items()
        ),
        (
            stage.only_where and not hasattr(Pipeline, stage.only_where),
            f"only_where {stage.only_where!r} is no property of a Pipeline",
        ),
        *_page_problems(stage),
        *_option_problems(stage),
        *(
            (name and not NAME.fullmatch(name), f"{field} {name!r} is not a lower-case name")
            for field, name in names.items()
        ),
        (not stage.pool, "pool is empty"),
        (stage.dataset == FOLDER, f"dataset {stage.dataset!r} is a folder of the store's own"),
        (
            stage.on_demand and stage.dag in (DATA_DAG, MODEL_DAG),
            f"{stage.dag!r} is the DAG of another kind, and one on demand has a DAG of its own",
        ),
        (stage.group and not stage.on_demand, "group is for stages that are run on demand"),
        (
            stage.variant and stage.variant not in {option.name for option in stage.options},
            f"variant {stage.variant!r} is none of its options",
        ),
    ]


def _page_problems(stage: Stage) -> list[tuple[object, str]]:
    found: list[tuple[object, str]] = [
        (_repeated(p.kind for p in stage.pages), "two of its pages are of one kind")
    ]
    for page in stage.pages:
        found += [
            (not FILE.fullmatch(page.file), f"page {page.file!r} is not of the form name.html"),
            (not page.title.strip(), f"page {page.file!r} has no title"),
            (not NAME.fullmatch(page.kind), f"page kind {page.kind!r} is not a name"),
        ]
    return found


def _option_problems(stage: Stage) -> list[tuple[object, str]]:
    names = [option.name for option in stage.options]
    return [
        (_repeated(names), "it declares an option twice"),
        *((not NAME.fullmatch(name), f"option {name!r} is not a name") for name in names),
    ]


def _require_distinct(stages: Sequence[Stage], what: str, of: Callable[[Stage], str]) -> None:
    for value in _repeated(of(stage) for stage in stages if of(stage)):
        both = _named(stage.record for stage in stages if of(stage) == value)
        raise ConfigError(
            f"The records {both} all say {what}={value!r}. Give each stage another {what}."
        )


def _require_one_kind_of_option(stages: Sequence[Stage]) -> None:
    known: dict[str, tuple[Option, str]] = {o.name: (o, "every stage") for o in EVERY_STAGE}
    for stage in stages:
        for option in stage.options:
            other, where = known.setdefault(option.name, (option, stage.record))
            if (other.is_switch, other.service) != (option.is_switch, option.service):
                raise ConfigError(
                    f"The option {option.name!r} of {stage.record} is declared otherwise by {where}: a "
                    f"chain passes one value to all. Give it another name, or declare it alike."
                )


def _edges(stages: Sequence[Stage]) -> Edges:
    by_dataset = {stage.dataset: stage for stage in stages}
    by_gives = {stage.gives: stage for stage in stages if stage.gives}
    return {
        stage.name: frozenset(
            [_found(stage, "needs", name, by_dataset).name for name in stage.needs]
            + [_found(stage, "takes", name, by_gives).name for name in stage.takes]
        )
        for stage in stages
    }


def _found(stage: Stage, what: str, name: str, known: dict[str, Stage]) -> Stage:
    if name not in known:
        verb = "publishes" if what == "needs" else "gives"
        raise ConfigError(
            f"The record {stage.record} {what} {name!r}, which no stage {verb}. "
            f"{nearest(name, known)}"
        )
    return known[name]


def _require_order(edges: Edges) -> None:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise ConfigError(
            f"The stages {circle} wait for one another. Take a needs or a takes out of one of "
            f"their records."
        ) from error


def _require_run_before(stage: Stage, earlier: Stage) -> None:
    """Check that whoever runs a stage has run the earlier one by then."""
    if SCOPES.index(earlier.scope) > SCOPES.index(stage.scope):
        why = f"its scope is {stage.scope!r}, and the other's is {earlier.scope!r}, which is later"
    elif earlier.on_demand and not stage.on_demand:
        why = "every chain runs it, and the other is run on demand alone"
    elif earlier.first_seed_only and not stage.first_seed_only:
        why = "it is run for each seed, and the other for the first seed alone"
    else:
        return
    raise ConfigError(
        f"The stage {stage.name} cannot come after {earlier.name}: {why}. Change {stage.record} or "
        f"{earlier.record}."
    )


def _repeated(values: Iterable[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)


def _named(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))
