"""Mistakes in what explains an evaluation: explained rows, the search for slices, groups of the fairness block.

Promise: every mistake is listed, with its location and what to write instead.
Not here: metrics, subgroups and gates (``evaluation.py``).
"""

from collections.abc import Iterator

from pipelines.core.declared import unknown
from pipelines.spec.checks.evaluation import subgroup_kinds, subgroup_problems
from pipelines.spec.checks.learning import out_of_range
from pipelines.spec.heads import Binary, Survival
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.slices import SliceSearch

MOST_ROWS, MOST_LOOKS, MOST_RANGES, MOST_REPORTED, MOST_COLUMNS = (
    1_000_000,
    1_000_000,
    64,
    100,
    2,
)


def explaining_problems(pipeline: Pipeline) -> Iterator[str]:
    """Settings out of range, columns that the features lack, and what a head has not."""
    evaluation, kind = pipeline.evaluation, type(pipeline.head).__name__
    yield from out_of_range(
        {"evaluation.explained_rows": evaluation.explained_rows}, 0, MOST_ROWS
    )
    if evaluation.fairness and not isinstance(pipeline.head, Binary):
        yield (
            f"evaluation.fairness: rates of decisions are of a Binary head, not {kind}. Omit it; "
            f"evaluation.subgroups compares the metrics of any head."
        )
    yield from subgroup_problems(pipeline, "evaluation.fairness", evaluation.fairness)
    if evaluation.slice_search is not None:
        yield from _search(pipeline, evaluation.slice_search)
    yield from _gate(pipeline)


def _gate(pipeline: Pipeline) -> Iterator[str]:
    loss, evaluation = pipeline.gates.max_subgroup_loss_to_champion, pipeline.evaluation
    if loss is not None and not loss >= 0:
        yield f"gates.max_subgroup_loss_to_champion must be 0 or more; got {loss!r}."
    if loss is not None and not (evaluation.subgroups or evaluation.slice_search):
        yield (
            "gates.max_subgroup_loss_to_champion needs groups. Add evaluation.subgroups or "
            "evaluation.slice_search, or omit it."
        )


def _search(pipeline: Pipeline, search: SliceSearch) -> Iterator[str]:
    where = "evaluation.slice_search"
    if isinstance(pipeline.head, Survival):
        yield f"{where}: a Survival head has no loss of a single row. Omit it, or declare evaluation.subgroups."
    yield from out_of_range({f"{where}.max_columns": search.max_columns}, 1, MOST_COLUMNS)
    yield from out_of_range({f"{where}.ranges": search.ranges}, 2, MOST_RANGES)
    yield from out_of_range({f"{where}.max_looks": search.max_looks}, 1, MOST_LOOKS)
    yield from out_of_range({f"{where}.reported": search.reported}, 1, MOST_REPORTED)
    for name in ("min_share", "level"):
        value = getattr(search, name)
        if not 0 < value <= 0.5:  # noqa: PLR2004  a slice is compared with the rest
            yield f"{where}.{name} must be above 0 and at most 0.5; got {value!r}."
    for name in search.columns:
        yield from unknown(f"{where}: column", name, sliced_columns(pipeline))
    if len(set(search.columns)) != len(search.columns):
        yield f"{where}.columns={search.columns!r} names a feature twice. Name each once."


def sliced_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """Features of one number or text: those that a search may cut."""
    keys = {entity.key for entity in pipeline.entities}
    plain = ("number", "integer", "text")
    return tuple(n for n, k in subgroup_kinds(pipeline).items() if n not in keys and k in plain)
