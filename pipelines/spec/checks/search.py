"""Mistakes in a declared search: the settings that vary, and their values.

Why: a search over values that cannot be trained with is refused before its first trial.
Promise: every mistake is listed, with its location and what to write instead.
Not here: the settings themselves (``models.py``, ``training.py``).
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.core.declared import nearest
from pipelines.spec.checks.models import sequence_problems
from pipelines.spec.checks.training import training_problems
from pipelines.spec.models import KINDS, Transformer, kind_of
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.search import Choice, Range

MAX_TRIALS = 10_000
NOT_SEARCHED = {
    "training.epochs": "epochs are the budget of a search; set training.epochs itself",
    "training.seed": "the best seed would be chosen by chance",
}


def search_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the search."""
    search = pipeline.search
    for name, least in {"trials": 1, "first_epochs": 1, "keep_one_in": 2, "seed": 0}.items():
        if getattr(search, name) < least:
            yield f"search.{name} must be {least} or more; got {getattr(search, name)!r}."
    if search.trials > MAX_TRIALS:
        yield f"search.trials must be {MAX_TRIALS} or fewer; got {search.trials!r}."
    settings = list(search.settings())
    for setting in sorted({s for s in settings if settings.count(s) > 1}):
        yield f"search: {setting!r} is declared twice."
    for item in search.space:
        if item.setting == "model":
            yield from _kind_choice(pipeline, item)
        else:
            yield from _varied(pipeline, item)
    yield from _heads_and_widths(pipeline)


def _kind_choice(pipeline: Pipeline, item: Range | Choice) -> Iterator[str]:
    kinds = [kind for kind in KINDS if kind != "builder"]
    if isinstance(item, Range):
        yield "search: 'model' takes a Choice of kinds."
        return
    for name in item.texts():
        if name not in kinds:
            yield f"search: model {name!r} is not a kind of network. {nearest(name, kinds)}"
        yield from sequence_problems("search: model", name, pipeline)


def _varied(pipeline: Pipeline, item: Range | Choice) -> Iterator[str]:
    if item.setting in NOT_SEARCHED:
        yield f"search: {item.setting} cannot vary: {NOT_SEARCHED[item.setting]}."
        return
    known = _searchable(pipeline)
    if item.setting not in known:
        yield f"search: {item.setting!r} is not a setting. {nearest(item.setting, known)}"
        return
    wrong = list(_kind_of_values(item, known[item.setting]))
    yield from wrong or _refused(pipeline, item, known[item.setting])


def _kind_of_values(item: Range | Choice, now: Any) -> Iterator[str]:
    if isinstance(item, Range):
        yield from _range(item, now)
    elif not item.values:
        yield f"search: {item.setting} has no values to choose from."
    else:
        yield from _values(item, now)


def _refused(pipeline: Pipeline, item: Range | Choice, now: Any) -> Iterator[str]:
    """The mistakes of the declaration with a value that may be sampled for the setting."""
    section, _, name = item.setting.partition(".")
    found: list[str] = []
    for value in _samples(item, now):
        if section == "training":
            training = dataclasses.replace(pipeline.training, **{name: value})
            found += training_problems(dataclasses.replace(pipeline, training=training))
        else:
            models = (m for m in _models(pipeline) if hasattr(m, name))
            for model in models:
                found += dataclasses.replace(model, **{name: value}).problems()
    declared = {*training_problems(pipeline), *pipeline.model.problems()}
    yield from (f"search: {text}" for text in dict.fromkeys(found) if text not in declared)


def _samples(item: Range | Choice, now: Any) -> tuple[Any, ...]:
    """Representatives of the values that may be sampled: a range's ends, or each choice."""
    if isinstance(item, Choice):
        return item.values
    ends = (item.low, item.high)
    return tuple(int(end) for end in ends) if isinstance(now, int) else ends


def _heads_and_widths(pipeline: Pipeline) -> Iterator[str]:
    """A width that is not a multiple of the number of heads sampled with it."""
    for model in _models(pipeline):
        if not isinstance(model, Transformer):
            continue
        items = {item.setting: item for item in pipeline.search.space}
        if not items.keys() & {"model.width", "model.heads"}:
            continue
        widths = _whole(items.get("model.width"), model.width)
        heads = _whole(items.get("model.heads"), model.heads)
        for width, head in itertools.product(widths, heads):
            if width > 0 and head > 0 and width % head:
                yield (
                    f"search: model.width={width} may be sampled with model.heads={head}, of which it "
                    f"is not a multiple. Use a Choice of widths that every number of heads divides."
                )
                return


def _whole(item: Range | Choice | None, now: int) -> Iterable[int]:
    """Integers that may be sampled; none where the values are invalid, which is reported elsewhere."""
    if item is None:
        return (now,)
    if isinstance(item, Range):
        return range(int(item.low), int(item.high) + 1)
    return tuple(value for value in item.values if isinstance(value, int))


def _range(item: Range, now: Any) -> Iterator[str]:
    if isinstance(now, bool) or not isinstance(now, int | float):
        yield f"search: {item.setting} is not a number ({now!r}); use a Choice."
        return
    if not item.low < item.high:
        yield f"search: {item.setting} needs low below high; got {item.low!r} and {item.high!r}."
    if item.log and not item.low > 0:
        yield f"search: {item.setting} on a log scale needs low above 0; got {item.low!r}."
    if isinstance(now, int) and not (
        float(item.low).is_integer() and float(item.high).is_integer()
    ):
        yield (f"search: {item.setting} is an integer; got {item.low!r} to {item.high!r}.")


def _values(item: Choice, now: Any) -> Iterator[str]:
    for value in item.values:
        fits = (
            isinstance(value, int | float)
            if isinstance(now, float)
            else isinstance(value, type(now))
        )
        if not fits:
            yield f"search: {item.setting} has values like {now!r}; got {value!r}."


def _searchable(pipeline: Pipeline) -> dict[str, Any]:
    """Settings that may vary, each with a current value."""
    found: dict[str, Any] = {}
    for section, parts in (("model", _models(pipeline)), ("training", [pipeline.training])):
        for part in parts:
            for field in dataclasses.fields(part):
                found.setdefault(f"{section}.{field.name}", getattr(part, field.name))
    return {name: value for name, value in found.items() if name not in NOT_SEARCHED}


def _models(pipeline: Pipeline) -> list[Any]:
    """The declared network, and the default network of each other kind that may be sampled."""
    own = kind_of(pipeline.model)
    others = [kind for kind in pipeline.search.kinds() if kind not in ("builder", own)]
    return [pipeline.model, *(KINDS[kind]() for kind in others)]
