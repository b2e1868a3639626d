"""The interface of all sources and operators of a declaration.

Why: a declared chain ``Numeric("amount") >> Fill() >> Log() >> Standardise()`` is fitted over days,
    run on arrays and served as a graph by code that depends on this interface alone.
Promise: the methods below are the whole contract. A statistic is computed per partition, merged
    in any grouping and finalised once; the same rows give the same bytes.

Values in a chain:
    numeric      float64 ``(n_rows,)``; NaN means unknown. Null, NaN and infinities are all
                 unknown.
    categorical  ``Words``, or integers as int64 (``values.py``), before an operator returns ids.
    ids          int32 ``(n_rows,)``: 0 unknown, 1 rare or unseen, 2 and up the operator's own.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Many
from typing import Any, ClassVar

from pipelines.core.declared import declared
from pipelines.operators.array_types import Array

NUMERIC, CATEGORICAL, IDS, SEQUENCE = "numeric", "categorical", "ids", "sequence"
MOMENTS, SKETCH, COUNTS = "moments", "sketch", "counts"
UNKNOWN_ID, RARE_ID, FIRST_ID = 0, 1, 2

State = dict[str, Any]
"""A partial statistic: JSON values, and under ``table`` arrays of equal length, by name."""
Fit = Mapping[str, Any]
"""The fitted values of an operator, for transform and serving, in the same form."""


class Operator:
    """One step of a chain; subclasses are ``@declared``, each in its own file."""

    takes: ClassVar[str] = NUMERIC
    gives: ClassVar[str] = NUMERIC
    ends: ClassVar[bool] = False
    """Whether it must be the last step."""
    fills: ClassVar[bool] = False
    """Whether it only replaces unknown values: a later step is fitted to the known ones."""
    renames: ClassVar[bool] = False
    """Whether it only renames its input."""

    def problems(self) -> Iterator[str]:
        """Mistakes in the values it was declared with."""
        yield from ()

    def name(self, before: str) -> str:
        """Name of its output, from that of its input."""
        return before

    def beside(self, before: str) -> tuple[str, ...]:
        """Names of additional numeric outputs, which no later step processes."""
        del before
        return ()

    def statistic(self) -> str:
        """Name of the statistic that it is fitted to; empty where it is not fitted.

        Steps with the same name compute the same statistic from the same values.
        """
        return ""

    def is_fitted(self) -> bool:
        """Whether it is fitted to training rows."""
        return bool(self.statistic())

    def passes_on(self, xp: Any, values: Any) -> Array:
        """The values that a later step is fitted to, before this step is fitted."""
        return self.transform(xp, values, {})[0]

    def partial(self, xp: Any, values: Any) -> State:
        """Statistic of one partition."""
        raise NotImplementedError(f"{type(self).__name__} is not fitted")

    def merge(self, parts: Many[State]) -> State:
        """Merge the statistics of several partitions."""
        raise NotImplementedError(f"{type(self).__name__} is not fitted")

    def finalise(self, state: State) -> Fit:
        """The fitted values, from the merged statistic."""
        del state
        return {}

    def size(self, fit: Fit) -> int:
        """Number of ids, the two reserved ones included."""
        raise NotImplementedError(f"{type(self).__name__} returns no ids")

    def ready(self, xp: Any, fit: Fit) -> Fit:
        """The fit as ``transform`` needs it: lookups that blocks of rows share are built here."""
        del xp
        return fit

    def transform(self, xp: Any, values: Any, fit: Fit) -> tuple[Any, ...]:
        """Its output, then its additional outputs, from the result of ``ready``."""
        raise NotImplementedError

    def tables(self, tf: Any, fit: Fit) -> Any:
        """Lookup tables of its graph, which the served module must reference; None for none."""
        del tf, fit

    def graph(self, tf: Any, values: Any, fit: Fit, tables: Any) -> tuple[Any, ...]:
        """``transform`` for tensors."""
        raise NotImplementedError


class FeatureSource:
    """The start of a chain: columns of the feature table."""

    kind: ClassVar[str] = NUMERIC

    def names(self) -> tuple[str, ...]:
        """Columns it adds to the feature table, in order."""
        raise NotImplementedError

    def reads(self) -> tuple[str, ...]:
        """Columns of the example's own row that it reads."""
        return ()

    def lines(self) -> Iterator[tuple[str, tuple[str, ...], tuple[Operator, ...]]]:
        """For each output its name, the feature columns it reads, and their first steps."""
        for name in self.names():
            yield name, (name,), ()

    def unprocessed(self) -> frozenset[str]:
        """Names of outputs that go to the model as they are, whatever the steps."""
        return frozenset()

    def usual(self) -> tuple[Operator, ...] | None:
        """The default steps of a source that is declared without any; None for those of numbers."""
        return None

    def problems(self) -> Iterator[str]:
        """Mistakes in the values it was declared with."""
        yield from ()

    def __rshift__(self, step: Operator) -> "Chain":
        return Chain(self, (step,))


@declared
class Chain:
    """A source and the operators applied to its values, in order.

    Attributes:
        source: The source of the values.
        steps: The operators.
    """

    source: FeatureSource
    steps: tuple[Operator, ...]

    def __rshift__(self, step: Operator) -> "Chain":
        return Chain(self.source, (*self.steps, step))

    def problems(self) -> Iterator[str]:
        """Steps that do not match, and each step's own mistakes."""
        expression, kind, fitted = type(self.source).__name__, self._begins_with(), ""
        for nth, step in enumerate(self.steps):
            expression += f" >> {type(step).__name__}"
            yield from (
                f"{expression}: {text}" for text in self._misplaced(step, nth, kind, fitted)
            )
            if step.is_fitted() and not step.fills:
                fitted = type(step).__name__
            kind = kind if step.gives == "any" else step.gives
        if kind == CATEGORICAL:
            yield f"{expression}: returns no ids. End it with Vocabulary or Hash."
        if kind != NUMERIC and self.source.kind == SEQUENCE:
            yield f"{expression}: returns {kind}, and a sequence's events are numbers."

    def _begins_with(self) -> str:
        """The kind of its values; the steps are applied to each number of an event."""
        return NUMERIC if self.source.kind == SEQUENCE else self.source.kind

    def _misplaced(self, step: Operator, nth: int, kind: str, fitted: str) -> Iterator[str]:
        yield from step.problems()
        if step.takes not in (kind, "any"):
            yield f"takes {step.takes} values, but its input is {kind}."
        if step.is_fitted() and fitted:
            yield (
                f"is fitted to the output of {fitted}, which would take another pass over the days. "
                f"One step may be fitted, in addition to Fill before it."
            )
        if step.ends and any(not s.renames for s in self.steps[nth + 1 :]):
            yield "must be the last step."
        if self.source.kind == SEQUENCE and (step.beside("") or step.renames):
            yield "cannot be applied to a sequence: an event keeps its numbers and their names."


Feature = FeatureSource | Chain
"""An entry of ``Pipeline.features``."""
