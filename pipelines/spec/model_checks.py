"""Mistakes in the declared network, head and gates.

Why: a network that cannot be built is refused before anything runs.
Promise: every mistake is listed, with its location and what to write instead.
Not here: training (``training_checks.py``), the search (``search_checks.py``), the rest of a
    declaration (``checks.py``).
"""

from collections.abc import Iterator

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
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
    kind_of,
    require_builder,
)
from pipelines.spec.pipeline import Pipeline

ACTIVATIONS = (
    *("elu", "gelu", "leaky_relu", "linear", "mish", "relu", "relu6", "selu"),
    *("sigmoid", "silu", "softplus", "softsign", "swish", "tanh"),
)
LOSSES = ("squared", "huber")
MIN_CLASSES = {MultiClass: 2, Ordinal: 3}


def model_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the network."""
    model = pipeline.model
    if isinstance(model, Builder):
        try:
            require_builder(model)
        except ConfigError as error:
            yield str(error)
        return
    yield from value_problems(model)
    if isinstance(model, Transformer) and model.heads > 0 and model.width % model.heads:
        yield f"model.width={model.width} must be a multiple of model.heads={model.heads}."
    yield from sequence_problems("model", kind_of(model), pipeline)


def value_problems(model: AnyModel) -> Iterator[str]:
    """Settings of a network that are invalid by themselves."""
    if isinstance(model, Builder):
        return
    if not 0 <= model.dropout < 1:
        yield f"model.dropout must be in [0, 1); got {model.dropout!r}."
    if model.activation not in ACTIVATIONS:
        yield f"model.activation {model.activation!r}. {nearest(model.activation, ACTIVATIONS)}"
    if not all(isinstance(units, int) and units > 0 for units in model.hidden):
        yield f"model.hidden must be units of 1 or more; got {model.hidden!r}."
    yield from _sizes(model)


def sequence_problems(where: str, kind: str, pipeline: Pipeline) -> Iterator[str]:
    """A network for sequences needs a sequence feature."""
    declared = any(isinstance(source, Sequence) for source in pipeline.sources())
    if kind in SEQUENCE_KINDS and not declared:
        others = " or ".join(k for k in KINDS if k not in (*SEQUENCE_KINDS, "builder"))
        yield (
            f"{where}: {kind!r} needs a sequence, and no feature is one. Declare a Sequence, or use "
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
    for name, low in least.items():
        if getattr(model, name) < low:
            yield f"model.{name} must be {low} or more; got {getattr(model, name)!r}."


def head_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the head, and settings that do not match it."""
    yield from _own_problems(pipeline.head)
    if isinstance(pipeline.label, Outcome) and not isinstance(pipeline.head, Binary):
        yield (
            f"head {type(pipeline.head).__name__} reads its label from a column; the label is an "
            f"event in table {pipeline.label.table!r}. Use Label(column, known_after_days), or "
            f"Binary."
        )
    yield from _gates(pipeline)


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
        yield from _cuts_problems(head.cuts_days)


def _cuts_problems(cuts: tuple[float, ...]) -> Iterator[str]:
    rising = all(a < b for a, b in zip((0.0, *cuts), cuts, strict=False))
    if not cuts or not rising:
        yield f"head.cuts_days must ascend and be above 0; got {cuts!r}."


def _gates(pipeline: Pipeline) -> Iterator[str]:
    known = metrics_of(pipeline.head)
    for name, _bound in pipeline.gates.limits:
        if name not in known:
            yield f"gates.limits: {name!r} is not a metric of this head. {nearest(name, known)}"
    if isinstance(pipeline.head, Binary):
        return
    plain = Gates()
    for name in ("min_auc", "min_average_precision"):
        if getattr(pipeline.gates, name) != getattr(plain, name):
            yield (
                f"gates.{name} is for a Binary head. Use gates.limits with one of "
                f"{', '.join(known)}."
            )
