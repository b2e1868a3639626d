"""What every source and every operator of a declaration offers.

Why: a declared chain ``Numeric("amount") >> Fill() >> Log() >> Standardise()`` is fitted over days,
    run on arrays and served as a graph by code that knows no single operator.
Promise: the methods below are the whole contract. A statistic is summarised per partition,
    merged in any grouping and finalised once; the same rows give the same bytes.

Values on their way through a chain:
    numeric      float64 ``(n_rows,)``; NaN stands for unknown. Null, NaN and infinities are all
                 unknown.
    categorical  ``Words``, or whole numbers as int64 (``values.py``), before an operator gave ids.
    ids          int32 ``(n_rows,)``: 0 unknown, 1 rare or unseen, 2 and up the operator's own.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Many
from typing import Any, ClassVar

from pipelines.core.declared import declared

NUMERIC, CATEGORICAL, IDS, SEQUENCE = "numeric", "categorical", "ids", "sequence"
MOMENTS, SKETCH, COUNTS = "moments", "sketch", "counts"
UNKNOWN_ID, RARE_ID, FIRST_ID = 0, 1, 2

State = dict[str, Any]
"""A partial statistic: JSON values, and under ``table`` arrays of one length, by name."""
Fit = Mapping[str, Any]
"""What a finalised statistic left for transform and serving, in the same form."""


class Operator:
    """One step of a chain; subclasses are ``@declared`` and stand in a file of their own."""

    takes: ClassVar[str] = NUMERIC
    gives: ClassVar[str] = NUMERIC
    ends: ClassVar[bool] = False
    """Whether nothing may follow."""
    fills: ClassVar[bool] = False
    """Whether it replaces unknown values alone: a later step is fitted to the known ones, as it is."""
    renames: ClassVar[bool] = False
    """Whether it gives its input another name, and does nothing else."""

    def problems(self) -> Iterator[str]:
        """Mistakes in the values it was declared with."""
        yield from ()

    def name(self, before: str) -> str:
        """Name of its output, from that of its input."""
        return before

    def beside(self, before: str) -> tuple[str, ...]:
        """Names of further numeric outputs, which no later step sees."""
        del before
        return ()

    def statistic(self) -> str:
        """Name of what it learns from training rows, empty for nothing.

        Steps with one name learn the same of the same values.
        """
        return ""

    def is_fitted(self) -> bool:
        """Whether it learns from training rows."""
        return bool(self.statistic())

    def passes_on(self, xp: Any, values: Any) -> Any:
        """What a later step learns from, while nothing is fitted yet."""
        return self.transform(xp, values, {})[0]

    def partial(self, xp: Any, values: Any) -> State:
        """Statistic of one partition."""
        raise NotImplementedError(f"{type(self).__name__} learns nothing")

    def merge(self, parts: Many[State]) -> State:
        """Statistic of several partitions together."""
        raise NotImplementedError(f"{type(self).__name__} learns nothing")

    def finalise(self, state: State) -> Fit:
        """What transform needs to know."""
        del state
        return {}

    def size(self, fit: Fit) -> int:
        """How many ids there are, the two reserved ones included."""
        raise NotImplementedError(f"{type(self).__name__} gives no ids")

    def ready(self, xp: Any, fit: Fit) -> Fit:
        """What ``transform`` is given: lookups that many blocks of rows share are made here."""
        del xp
        return fit

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Its output, and then those beside it, from what ``ready`` made of the fit."""
        raise NotImplementedError

    def tables(self, tf: Any, fit: Fit) -> Any:
        """Lookup tables of its graph, which the served module must hold; None for none."""
        del tf, fit

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """The same as ``transform``, of tensors."""
        raise NotImplementedError


class FeatureSource:
    """Where a chain starts: columns of the feature table."""

    kind: ClassVar[str] = NUMERIC

    def names(self) -> tuple[str, ...]:
        """Columns it adds to the feature table, in order."""
        raise NotImplementedError

    def reads(self) -> tuple[str, ...]:
        """Columns of the example's own row that it reads."""
        return ()

    def lines(self) -> Iterator[tuple[str, tuple[str, ...], tuple[Operator, ...]]]:
        """For each output its name, the feature columns it reads, and the steps they begin with."""
        for name in self.names():
            yield name, (name,), ()

    def usual(self) -> tuple[Operator, ...] | None:
        """The steps of a source that is declared without any; None for those of numbers."""
        return None

    def problems(self) -> Iterator[str]:
        """Mistakes in the values it was declared with."""
        yield from ()

    def __rshift__(self, step: Operator) -> "Chain":
        return Chain(self, (step,))


@declared
class Chain:
    """A source and the steps that its values go through, in order.

    Attributes:
        source: Where the values come from.
        steps: What is done with them.
    """

    source: FeatureSource
    steps: tuple[Operator, ...]

    def __rshift__(self, step: Operator) -> "Chain":
        return Chain(self.source, (*self.steps, step))

    def problems(self) -> Iterator[str]:
        """What does not fit together, and each step's own mistakes."""
        said, kind, learnt = type(self.source).__name__, self._begins_with(), ""
        step: Any
        for nth, step in enumerate(self.steps):
            said += f" >> {type(step).__name__}"
            if not isinstance(step, Operator):
                yield f"{said}: {step!r} is no operator."
                return
            yield from (f"{said}: {text}" for text in self._misplaced(step, nth, kind, learnt))
            if step.is_fitted() and not step.fills:
                learnt = type(step).__name__
            kind = kind if step.gives == "any" else step.gives
        if kind == CATEGORICAL:
            yield f"{said}: gives no ids. End it with Vocabulary or Hash."
        if kind != NUMERIC and self.source.kind == SEQUENCE:
            yield f"{said}: gives {kind}, and a sequence's events are numbers."

    def _begins_with(self) -> str:
        """The kind of its values; each number of an event goes through the steps."""
        return NUMERIC if self.source.kind == SEQUENCE else self.source.kind

    def _misplaced(self, step: Operator, nth: int, kind: str, learnt: str) -> Iterator[str]:
        yield from step.problems()
        if step.takes not in (kind, "any"):
            yield f"takes {step.takes} values, and gets {kind} ones."
        if step.is_fitted() and learnt:
            yield (
                f"learns from what {learnt} learnt, which would take another pass over the days. "
                f"One step may learn, beside Fill before it."
            )
        if step.ends and any(not s.renames for s in self.steps[nth + 1 :]):
            yield "must be the last step."
        if self.source.kind == SEQUENCE and (step.beside("") or step.renames):
            yield "does not fit a sequence: an event keeps its numbers and their names."


Feature = FeatureSource | Chain
"""What ``Pipeline.features`` holds."""
