"""Explaining an artifact: what it was made from, and what differed when it was made again.

Why: a run that was not cached, or a model that changed, must be explainable after the fact.
Promise: only manifests and the lists of their functions are read; the differences named are the ones that changed the digest.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.store.branches import require_there
from pipelines.core.store.code_units import FOLDER, changed_units, read_units
from pipelines.core.store.manifest import Manifest, Ref
from pipelines.core.store.root import VERSION
from pipelines.core.store.store import Store
from pipelines.core.store.walking import all_versions

LONG = 200  # characters of a feature or a step


def explain(store: Store, artifact: str) -> dict[str, Any]:
    """Facts about an artifact and how each earlier version differed.

    Args:
        store: Where it is.
        artifact: ``<pipeline>/<dataset>/<key>``, as paths in the store and messages have it.

    Returns:
        ``artifact``, ``digest``, ``content``, ``stage``, ``inputs``, ``config``, ``code``,
        ``outcome``, ``made``; ``stale``: inputs that were published again since; and ``earlier``:
        for each kept earlier version its digest and the list of what differs.

    Raises:
        ConfigError: There is no such artifact; names the nearest one.
    """
    ref = _ref(store, artifact)
    require_there(store, ref.pipeline)
    manifest = store.find(ref)
    if manifest is None:
        raise ConfigError(
            f"{artifact} is not published in {store.uri}. {_near(store, artifact)}"
        )
    earlier = [
        {"digest": old.digest, "differs": differences(old, manifest, store)}
        for old in store.own_versions(manifest.ref)
        if old.digest != manifest.digest
    ]
    kept = ("digest", "content", "stage", "inputs", "config", "code", "outcome", "made")
    facts = {name: getattr(manifest, name) for name in kept}
    stale = stale_inputs(store, manifest)
    return {"artifact": manifest.ref.path(), **facts, "stale": stale, "earlier": earlier}


def stale_inputs(store: Store, manifest: Manifest) -> list[str]:
    """Inputs of an artifact, as ``<dataset>/<key>``, that are published with another content now."""
    found = []
    for name, was in manifest.inputs.items():
        # "ingested ds=..." and "features/ds=..." name a day; a digest that names no content does not.
        dataset, _, key = name.replace(" ", "/").partition("/")
        now = store.find(Ref(manifest.pipeline, dataset, key)) if "=" in key else None
        if now is None or any(file.startswith("known/") for file in now.files):
            continue  # where rows arrive late, an input is what was known by then
        content = now.outcome.get("verdict") if was == "refused" else now.content
        if content != was:
            found.append(f"{dataset}/{key}")
    return found


def differences(old: Manifest, new: Manifest, store: Store | None = None) -> list[str]:
    """What makes two versions' digests differ, one sentence a thing.

    Args:
        old: The earlier version.
        new: The later one.
        store: Where they are, which says of their code which functions differ.
    """
    of_inputs_and_settings = [
        f"{what} {text}"
        for what in ("inputs", "config")
        for text in differing(getattr(old, what), getattr(new, what))
    ]
    of_code = (f"code {text}" for text in _code_differing(old, new, store))
    return [*of_inputs_and_settings, *dict.fromkeys(of_code)]


def _code_differing(old: Manifest, new: Manifest, store: Store | None) -> Iterator[str]:
    for name in sorted(old.code.keys() | new.code.keys()):
        was, now = old.code.get(name), new.code.get(name)
        if was == now:
            continue
        text = f"{name}: {_short(was)} -> {_short(now)}"
        if store is None or not was or not now:
            yield text
        else:
            yield from _units_differing(store, new.pipeline, (was, now), text)


def _units_differing(
    store: Store, pipeline: str, digests: tuple[str, str], text: str
) -> Iterator[str]:
    """The units that differ between two digests of code; the text where one is not known."""
    units = [read_units(store, pipeline, digest) for digest in digests]
    unknown = [digest for digest, found in zip(digests, units, strict=True) if not found]
    if not unknown:
        yield from changed_units(units[0] or {}, units[1] or {})
    elif all(map(VERSION.fullmatch, digests)):
        yield (
            f"{text} (which functions changed is not known: the store has no whole {FOLDER}/"
            f"{unknown[0]}.json)"
        )
    else:
        yield text


def describe_explanation(explained: Mapping[str, Any]) -> str:
    """The explanation as lines for a person."""
    lines = [
        f"{explained['artifact']}",
        f"  made by {explained['stage']}, digest {explained['digest'][:16]}, "
        f"content {explained['content'][:16]}",
    ]
    for what in ("inputs", "config", "code"):
        lines.append(f"  {what}:")
        lines += [
            f"    {name}: {_short(value)}" for name, value in _flat(explained[what]).items()
        ]
    for name in explained["stale"]:
        lines.append(
            f"  stale: {name} was published again since; run {explained['stage']} again."
        )
    if not explained["earlier"]:
        lines.append("  no other version is kept.")
    for old in explained["earlier"]:
        lines.append(f"  differs from version {old['digest'][:16]} by:")
        lines += [f"    {text}" for text in old["differs"]]
    return "\n".join(lines)


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two nests of settings, one text a thing."""
    before, after = _flat(old), _flat(new)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if isinstance(was, list) and isinstance(now, list):
            yield from _differing_lists(name, was, now)
        else:
            yield f"{name}: {_short(was)} -> {_short(now)}"


def _differing_lists(name: str, was: list[Any], now: list[Any]) -> Iterator[str]:
    """What is in one alone; of things of one kind, declared one for the other, what differs."""
    gone, new = _without(was, now), _without(now, was)
    if not gone and not new:
        yield f"{name}: in another order, {_short(was)} -> {_short(now)}"
    elif not any(isinstance(each, Mapping) for each in (*gone, *new)):
        yield f"{name}: {_short(was)} -> {_short(now)}"
    elif list(map(_kind, gone)) == list(map(_kind, new)):
        for before, after in zip(gone, new, strict=True):
            yield from (f"{name} {_kind(after)} {text}" for text in differing(before, after))
    else:
        yield from (f"{name}: no more {_short(each, LONG)}" for each in gone)
        yield from (f"{name}: new {_short(each, LONG)}" for each in new)


def _without(values: list[Any], others: list[Any]) -> list[Any]:
    return [value for value in values if value not in others]


def _kind(value: Any) -> str:
    return str(value.get("kind", "")) if isinstance(value, Mapping) else ""


def _ref(store: Store, artifact: str) -> Ref:
    path = artifact.removeprefix(store.uri).removeprefix(f"file://{store.root}")
    parts = path.removeprefix(str(store.root)).strip("/").split("/")
    # A version's own folder, as result URIs have it, names its artifact too.
    if len(parts) > 3 and "=" not in parts[-1]:  # noqa: PLR2004
        parts = parts[:-1]
    if len(parts) < 3:  # noqa: PLR2004
        raise ConfigError(
            f"{artifact!r} does not name an artifact. Write <pipeline>/<dataset>/<key>, such as "
            f"fraud_detection/features/ds=2026-01-31."
        )
    return Ref(parts[0], parts[1], "/".join(parts[2:]))


def _near(store: Store, artifact: str) -> str:
    ref = _ref(store, artifact)
    known = [f"{ref.pipeline}/{ref.dataset}/{k}" for k in store.keys(ref.pipeline, ref.dataset)]
    close = difflib.get_close_matches(ref.path(), known, n=1, cutoff=0.0)
    if close:
        return f"The nearest one is {close[0]}."
    names = {f"{each.pipeline}/{each.dataset}" for each, _ in all_versions(store, None)}
    if not names:
        return "That store holds no artifact: pass --store with the root of one."
    return nearest(f"{ref.pipeline}/{ref.dataset}", names)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        key = f"{prefix}{name}"
        flat |= _flat(inner, f"{key}.") if isinstance(inner, Mapping) else {key: inner}
    return flat


def _short(value: object, limit: int = 60) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
