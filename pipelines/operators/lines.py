"""One output of a source, and the operators between it and the model's inputs.

Why: fitting, transforming and serving apply the same steps to a line's values.
Not here: several lines together (``program.py``), blocks of rows (``arrays.py``).
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.operators.moments import chunks
from pipelines.operators.operator import MOMENTS, NUMERIC, Fit, Operator, State


@dataclass(frozen=True, slots=True)
class Line:
    """One output of a source and its steps.

    Attributes:
        start: Name of the output before its steps.
        inputs: Columns of the feature table that it reads.
        kind: ``numeric`` or ``categorical``.
        steps: The operators, in order.
    """

    start: str
    inputs: tuple[str, ...]
    kind: str
    steps: tuple[Operator, ...]

    def gives(self) -> str:
        """``numeric`` or ``ids``."""
        kinds = [step.gives for step in self.steps if step.gives != "any"]
        return kinds[-1] if kinds else self.kind

    def numeric(self, outputs: Sequence[Any]) -> Sequence[Any]:
        """The outputs, or their names, that are columns of ``x``."""
        return outputs if self.gives() == NUMERIC else outputs[1:]

    def outputs(self) -> tuple[str, ...]:
        """Names of the model inputs: the main one, then the additional numeric ones."""
        name, beside = self.start, list[str]()
        for step in self.steps:
            beside += step.beside(name)
            name = step.name(name)
        return name, *beside

    def fitted_steps(self) -> Iterator[int]:
        """Indices of the steps that are fitted."""
        return (nth for nth, step in enumerate(self.steps) if step.is_fitted())

    def expression(self, nth: int | None = None) -> str:
        """Its inputs and its steps up to and including the nth, as in a declaration."""
        steps = self.steps if nth is None else self.steps[: nth + 1]
        return " >> ".join([", ".join(self.inputs), *(repr(step) for step in steps)])

    def is_fitted_to(self, expressions: Container[str]) -> bool:
        """Whether some step is fitted to any of these statistics."""
        return any(self.expression(nth) in expressions for nth in self.fitted_steps())

    def partials(self, xp: Any, columns: Mapping[str, Any]) -> list[State]:
        """The statistics of its fitted steps for one partition, in order."""
        values, fitted = self._taken(columns), [self.steps[n] for n in self.fitted_steps()]
        if any(step.statistic() != MOMENTS for step in fitted):
            return self._partials(xp, values)
        # Moments are kept by chunks, so applying the steps to chunks gives the same bits.
        several = values if isinstance(values, tuple) else (values,)
        found = []
        for chunk in chunks(len(several[0])):
            some = tuple(each[chunk] for each in several)
            found.append(self._partials(xp, some if len(some) > 1 else some[0]))
        return [step.merge([parts[nth] for parts in found]) for nth, step in enumerate(fitted)]

    def _partials(self, xp: Any, values: Any) -> list[State]:
        found, same = list[State](), dict[str, State]()
        last = max(self.fitted_steps(), default=-1)
        for nth, step in enumerate(self.steps[: last + 1]):
            if step.is_fitted():
                if step.statistic() not in same:
                    same[step.statistic()] = step.partial(xp, values)
                found.append(same[step.statistic()])
            if nth < last and (passed := step.passes_on(xp, values)) is not values:
                values, same = passed, {}
        return found

    def transform(self, xp: Any, columns: Mapping[str, Any], ready: Sequence[Fit]) -> list[Any]:
        """Its outputs, in the order of their names, from the results of the steps' ``ready``."""
        values, beside = self._taken(columns), []
        for step, fit in zip(self.steps, ready, strict=True):
            values, *more = step.transform(xp, values, fit)
            beside += more
        return [values, *beside]

    def graph(
        self, tf: Any, columns: Mapping[str, Any], fits: Sequence[Fit], tables: Sequence[Any]
    ) -> list[Any]:
        """``transform`` for tensors."""
        values, beside = self._taken(columns), []
        for step, fit, table in zip(self.steps, fits, tables, strict=True):
            values, *more = step.graph(tf, values, fit, table)
            beside += more
        return [values, *beside]

    def _taken(self, columns: Mapping[str, Any]) -> Any:
        taken = tuple(columns[name] for name in self.inputs)
        return taken if len(taken) > 1 else taken[0]
