"""Mistakes in the declared network, head, gates and search.

Why: a network that cannot be built, or a search over a setting that is not there, should cost
    nothing.
Promise: every mistake is listed, with its place and what to write instead.
Not here: the rest of a declaration (``checks.py``).
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from pipelines.declared import nearest
from pipelines.errors import ConfigError
from pipelines.operators import Sequence
from pipelines.spec.heads import (
    Binary,
    Head,
    MultiClass,
    Ordinal,
    Regression,
    Survival,
    metrics_of,
)
from pipelines.spec.learning import Gates, Outcome
from pipelines.spec.models import (
    KINDS,
    SEQUENCE_KINDS,
    AnyModel,
    Builder,
    DeepCross,
    Recurrent,
    Transformer,
    builder_source,
    kind_of,
)
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.search import Choice, Range

ACTIVATIONS = (
    *("elu", "gelu", "leaky_relu", "linear", "mish", "relu", "relu6", "selu"),
    *("sigmoid", "silu", "softplus", "softsign", "swish", "tanh"),
)
LOSSES = ("squared", "huber")
MIN_CLASSES = {MultiClass: 2, Ordinal: 3}
BINARY_CLASSES = 2
NOT_SEARCHED = {
    "training.epochs": "epochs are what a search spends; set training.epochs itself",
    "training.seed": "choosing a seed would be choosing luck",
}


def model_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the network."""
    model = pipeline.model
    if isinstance(model, Builder):
        try:
            builder_source(model)
        except ConfigError as error:
            yield str(error)
        return
    if not 0 <= model.dropout < 1:
        yield f"model.dropout must be in [0, 1); got {model.dropout!r}."
    if model.activation not in ACTIVATIONS:
        yield f"model.activation {model.activation!r}. {nearest(model.activation, ACTIVATIONS)}"
    if not all(isinstance(units, int) and units > 0 for units in model.hidden):
        yield f"model.hidden must be units of 1 or more; got {model.hidden!r}."
    yield from _sizes(model)
    yield from _sequences("model", kind_of(model), pipeline)


def _sequences(where: str, kind: str, pipeline: Pipeline) -> Iterator[str]:
    """A network that is made for sequences needs one."""
    declared = any(isinstance(source, Sequence) for source in pipeline.sources())
    if kind in SEQUENCE_KINDS and not declared:
        others = " or ".join(k for k in KINDS if k not in (*SEQUENCE_KINDS, "builder"))
        yield (
            f"{where}: {kind!r} reads sequences, and no feature is one. Declare a Sequence, or use "
            f"{others}."
        )


def _sizes(model: AnyModel) -> Iterator[str]:
    least: dict[str, int] = {"embedding_dim": 0}
    if isinstance(model, DeepCross):
        least |= {"cross_layers": 1, "cross_rank": 0}
    elif isinstance(model, Recurrent):
        least |= {"units": 1}
    elif isinstance(model, Transformer):
        least |= {"width": 1, "heads": 1, "blocks": 1}
        if model.heads > 0 and model.width % model.heads:
            yield f"model.width={model.width} must be a multiple of model.heads={model.heads}."
    for name, low in least.items():
        if getattr(model, name) < low:
            yield f"model.{name} must be {low} or more; got {getattr(model, name)!r}."


def head_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the head, and what does not go with it."""
    yield from _own_problems(pipeline.head)
    if isinstance(pipeline.label, Outcome) and not isinstance(pipeline.head, Binary):
        yield (
            f"head {type(pipeline.head).__name__} reads its label from a column; the label is an "
            f"event in table {pipeline.label.table!r}. Use Label(column, known_after_days), or "
            f"Binary."
        )
    yield from _gates(pipeline)
    yield from _training(pipeline)


def _own_problems(head: Head) -> Iterator[str]:
    if isinstance(head, MultiClass | Ordinal) and head.classes is not None:
        least = MIN_CLASSES[type(head)]
        if head.classes < least:
            yield f"head.classes must be {least} or more; got {head.classes!r}."
    if isinstance(head, Regression):
        if head.loss not in LOSSES:
            yield f"head.loss {head.loss!r}. {nearest(head.loss, LOSSES)}"
        if not head.scale > 0:
            yield f"head.scale must be above 0; got {head.scale!r}."
    if isinstance(head, Survival) and head.cuts_days is not None:
        cuts = head.cuts_days
        rising = all(a < b for a, b in zip((0.0, *cuts), cuts, strict=False))
        if not cuts or not rising:
            yield f"head.cuts_days must rise from above 0; got {cuts!r}."


def _gates(pipeline: Pipeline) -> Iterator[str]:
    known = metrics_of(pipeline.head)
    for name, _bound in pipeline.gates.limits:
        if name not in known:
            yield f"gates.limits: {name!r} is no metric of this head. {nearest(name, known)}"
    if isinstance(pipeline.head, Binary):
        return
    plain = Gates()
    for name in ("min_auc", "min_average_precision"):
        if getattr(pipeline.gates, name) != getattr(plain, name):
            yield (
                f"gates.{name} is for a Binary head. Use gates.limits with one of "
                f"{', '.join(known)}."
            )


def _training(pipeline: Pipeline) -> Iterator[str]:
    """Settings of training that mean something for some heads alone."""
    training, kind = pipeline.training, type(pipeline.head).__name__
    if not isinstance(pipeline.head, Binary):
        if training.focal_gamma:
            yield (
                f"training.focal_gamma={training.focal_gamma!r} is for a Binary head, not {kind}. "
                f"Leave it at 0."
            )
        if training.watch in metrics_of(Binary()):
            yield (
                f"training.watch {training.watch!r} is for a Binary head; an epoch of {kind} is "
                f"judged by its loss. Use 'loss'."
            )
    yield from _class_weights(pipeline.head, training.class_weights)


def _class_weights(head: Head, weights: tuple[float, ...]) -> Iterator[str]:
    if not weights:
        return
    if not isinstance(head, Binary | MultiClass | Ordinal):
        yield (
            f"training.class_weights={weights!r} needs labels that are classes; those of "
            f"{type(head).__name__} are not. Leave it empty."
        )
        return
    classes = BINARY_CLASSES if isinstance(head, Binary) else head.classes
    if classes is not None and len(weights) != classes:
        yield (
            f"training.class_weights has {len(weights)} values; {type(head).__name__} has "
            f"{classes} classes. Give one for each, that of label 0 first, or none."
        )


def search_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the search."""
    search = pipeline.search
    for name, least in {"trials": 1, "first_epochs": 1, "keep_one_in": 2, "seed": 0}.items():
        if getattr(search, name) < least:
            yield f"search.{name} must be {least} or more; got {getattr(search, name)!r}."
    settings = list(search.settings())
    for setting in sorted({s for s in settings if settings.count(s) > 1}):
        yield f"search: {setting!r} is declared twice."
    for item in search.space:
        if item.setting == "model":
            yield from _kind_choice(pipeline, item)
        else:
            yield from _varied(pipeline, item)


def _kind_choice(pipeline: Pipeline, item: Range | Choice) -> Iterator[str]:
    kinds = [kind for kind in KINDS if kind != "builder"]
    if isinstance(item, Range):
        yield "search: 'model' takes a Choice of kinds."
        return
    for word in item.texts():
        if word not in kinds:
            yield f"search: model {word!r} is no kind of network. {nearest(word, kinds)}"
        yield from _sequences("search: model", word, pipeline)


def _varied(pipeline: Pipeline, item: Range | Choice) -> Iterator[str]:
    if item.setting in NOT_SEARCHED:
        yield f"search: {item.setting} cannot vary: {NOT_SEARCHED[item.setting]}."
        return
    known = _searchable(pipeline)
    if item.setting not in known:
        yield f"search: {item.setting!r} is not a setting. {nearest(item.setting, known)}"
    elif isinstance(item, Range):
        yield from _range(item, known[item.setting])
    elif not item.values:
        yield f"search: {item.setting} has no values to choose from."
    else:
        yield from _values(item, known[item.setting])


def _range(item: Range, now: Any) -> Iterator[str]:
    if isinstance(now, bool) or not isinstance(now, int | float):
        yield f"search: {item.setting} is no number ({now!r}); use a Choice."
        return
    if not item.low < item.high:
        yield f"search: {item.setting} needs low below high; got {item.low!r} and {item.high!r}."
    if item.log and not item.low > 0:
        yield f"search: {item.setting} on a log scale needs low above 0; got {item.low!r}."
    if isinstance(now, int) and not (
        float(item.low).is_integer() and float(item.high).is_integer()
    ):
        yield (f"search: {item.setting} is a whole number; got {item.low!r} to {item.high!r}.")


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
    """Settings that may vary, with a value each has now."""
    kinds = pipeline.search.kinds() or (kind_of(pipeline.model),)
    models = [pipeline.model] + [KINDS[k]() for k in kinds if k != "builder"]
    found: dict[str, Any] = {}
    for section, parts in (("model", models), ("training", [pipeline.training])):
        for part in parts:
            for field in dataclasses.fields(part):
                found.setdefault(f"{section}.{field.name}", getattr(part, field.name))
    return {name: value for name, value in found.items() if name not in NOT_SEARCHED}
