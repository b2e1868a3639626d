"""``pages``: make the pages that published artifacts lack, from their own files.

Why: a stage publishes without a page that could not be made; once the cause is mended, nothing has
    to be validated, evaluated or trained again for it.
Promise: only pages are written; no digest and no verdict changes.
"""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from pipelines.api.work import declared, work_for
from pipelines.cli.arguments import Branch, Json, Name, Settings, StoreUri
from pipelines.core.days import parse_day
from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError, PermanentError, PipelineError, listed
from pipelines.core.partitions import grain_of
from pipelines.core.store import Ref, Store
from pipelines.core.store.branch_names import on_branch
from pipelines.core.store.branches import require_there
from pipelines.core.text import message
from pipelines.protocol import Stage, Work, stages
from pipelines.protocol.pages import MadePages, make_pages, module_of, pages_of
from pipelines.spec import Pipeline, with_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pages")(pages)


def pages(
    pipeline: Name,
    store: StoreUri,
    stage: Annotated[str | None, typer.Option(help="Pages of this stage alone.")] = None,
    partition: Annotated[str | None, typer.Option(help="One partition.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Models of one as-of day.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make pages anew that are there.")
    ] = False,
    settings: Settings = None,
    branch: Branch = None,
    json_: Json = False,
) -> None:
    """Make the reports, Data Docs and model cards that published artifacts lack."""
    store = on_branch(store, branch)
    spec = declared(pipeline, settings)
    require_there(Store(store), spec.name)
    chosen, day = _stages(stage), _day(partition, as_of)
    done: list[dict[str, Any]] = []
    for each, work, ref in _works(spec, chosen, store, day):
        made = _made(each, work, ref, again=again)
        if made is not None:
            done.append(_facts(ref, made))
            if not json_ and (made.made or made.failed):
                sys.stdout.write(_line(done[-1]))
    if not done:
        raise ConfigError(
            f"{pipeline}: nothing with pages is published in {store} for {day or 'any day'}. Run "
            f"{' or '.join(s.name for s in chosen)} first, or choose another day."
        )
    _end(pipeline, done, json_=json_)


def _day(partition: str | None, as_of: str | None) -> str:
    """Beginning of the keys that were asked for; empty for all of them."""
    if partition and as_of:
        raise ConfigError("--partition names a day and --as-of a model: give one of them.")
    if as_of:
        return f"as_of={parse_day(as_of, '--as-of')}"
    if partition:
        grain_of(partition, "--partition")
    return f"ds={partition}" if partition else ""


def _end(pipeline: str, done: list[dict[str, Any]], *, json_: bool) -> None:
    from pipelines.cli.summary import print_json

    counts = {
        what: sum(len(each[what]) for each in done) for what in ("made", "there", "failed")
    }
    if json_:
        print_json({"pipeline": pipeline, "counts": counts, "artifacts": done})
    else:
        facts = (
            f"{counts['made']} pages made, {counts['there']} there, {counts['failed']} failed"
        )
        sys.stdout.write(f"{pipeline}: {len(done)} artifacts, {facts}\n")
    if counts["failed"]:
        which = [f"{each['artifact']}/{name}" for each in done for name in each["failed"]]
        why = next(iter(next(each["failed"] for each in done if each["failed"]).values()))
        raise PermanentError(
            f"{counts['failed']} pages cannot be made ({listed(which)}): {why.rstrip('.')}. Results "
            f"stand without them. Once that is mended (a renderer's own error is a defect: correct or "
            f"report it), run pages again."
        )


def _stages(named: str | None) -> list[Stage]:
    found = [stage for stage in stages() if stage.pages]
    if named is None:
        return found
    names = [stage.name for stage in found]
    if named not in names:
        raise ConfigError(f"Stage {named!r} publishes no page. {nearest(named, names)}")
    return [stage for stage in found if stage.name == named]


def _works(
    pipeline: Pipeline, chosen: list[Stage], store: str, day: str
) -> Iterator[tuple[Stage, Work, Ref]]:
    """Each published artifact that a stage may have pages of, and its work."""
    for stage in chosen:
        for key in Store(store).keys(pipeline.name, stage.dataset):
            rest, _, seed = key.partition("/seed=")
            table, _, first = rest.rpartition("/")
            if day not in ("", first):
                continue
            spec = with_settings(pipeline, [f"training.seed={seed}"]) if seed else pipeline
            what, _, named = first.partition("=")
            by_day = what == "ds"
            work = work_for(
                stage,
                spec,
                store=store,
                partition=named if by_day else None,
                table=table.removeprefix("table=") or None,
                as_of=None if by_day else named,
            )
            yield stage, work, Ref(pipeline.name, stage.dataset, key)


def _made(stage: Stage, work: Work, ref: Ref, *, again: bool) -> MadePages | None:
    """What became of an artifact's pages; None where it is gone."""
    with work.store.lock(ref):
        manifest = work.store.find(ref)
        if manifest is None:
            return None
        try:
            return make_pages(module_of(stage), work, manifest, again=again)
        except PipelineError as error:
            names = pages_of(module_of(stage), work)
            return MadePages((), (), dict.fromkeys(names, str(error)))


def _facts(ref: Ref, made: MadePages) -> dict[str, Any]:
    facts = {"made": list(made.made), "there": list(made.there), "failed": dict(made.failed)}
    return {"artifact": ref.path(), **facts}


def _line(facts: dict[str, Any]) -> str:
    parts = [f"made {', '.join(facts['made'])}"] if facts["made"] else []
    parts += [f"failed {name} ({why})" for name, why in facts["failed"].items()]
    return message(f"{facts['artifact']}: {'; '.join(parts)}") + "\n"
