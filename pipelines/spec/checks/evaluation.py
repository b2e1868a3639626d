"""Mistakes in the declared evaluation and in the gates on a model.

Why: a gate on a metric that nobody computes would pass, or fail, every model.
Promise: every mistake is listed, with its location and what to write instead.
Not here: the split (``learning.py``), gates on data (``gates.py``).
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from pipelines.core.declared import nearest, unknown
from pipelines.spec.checks.learning import out_of_range
from pipelines.spec.evaluation import CoxBaseline, Evaluation, Gates, Subgroup
from pipelines.spec.heads import Binary, Survival, metrics_of
from pipelines.spec.pipeline import Pipeline

MOST_SAMPLES = 1_000_000
MOST_ROWS = 1_000_000
_ALERTS = Evaluation().alerts_per_day


def evaluation_problems(pipeline: Pipeline) -> Iterator[str]:
    """An entity, horizons, subgroups or a baseline that the examples or the head do not have."""
    yield from _alerts(pipeline)
    samples = {"evaluation.bootstrap_samples": pipeline.evaluation.bootstrap_samples}
    yield from out_of_range(samples, 1, MOST_SAMPLES)
    yield from _horizons(pipeline)
    yield from subgroup_problems(
        pipeline, "evaluation.subgroups", pipeline.evaluation.subgroups
    )
    if pipeline.evaluation.baseline is not None:
        yield from _baseline(pipeline, pipeline.evaluation.baseline)


def _alerts(pipeline: Pipeline) -> Iterator[str]:
    evaluation, kind = pipeline.evaluation, type(pipeline.head).__name__
    names = [entity.name for entity in pipeline.entities]
    entity = evaluation.alert_entity
    yield from unknown("evaluation: alert_entity", entity, names)
    if entity is None and isinstance(pipeline.head, Binary):
        yield (
            f"evaluation: alert_entity is missing: {kind} is evaluated by alerts on an entity. "
            f"{nearest('', names)}"
        )
    if not isinstance(pipeline.head, Binary) and evaluation.alerts_per_day != _ALERTS:
        yield (
            f"evaluation.alerts_per_day={evaluation.alerts_per_day!r} is for a Binary head, not "
            f"{kind}. Omit it."
        )
    columns = {*pipeline.table.column_names()}
    for each in pipeline.entities:
        if each.name == entity and not {*each.columns()} <= columns:
            yield (
                f"evaluation: alert_entity {entity!r} is no entity of the examples: table "
                f"{pipeline.examples} has no column {', '.join(sorted({*each.columns()} - columns))}."
            )
    yield from out_of_range({"evaluation.alerts_per_day": evaluation.alerts_per_day}, 1)


def _horizons(pipeline: Pipeline) -> Iterator[str]:
    head, horizons = pipeline.head, pipeline.evaluation.horizons_days
    if not horizons:
        return
    if not isinstance(head, Survival):
        yield (
            f"evaluation.horizons_days={horizons!r} is for a Survival head, not "
            f"{type(head).__name__}. Omit it."
        )
        return
    cuts = head.cuts_days or ()
    for days in horizons:
        if days not in cuts:
            yield (
                f"evaluation.horizons_days: {days:g} is none of head.cuts_days "
                f"({', '.join(f'{cut:g}' for cut in cuts)}), at which alone the head predicts. Use one of these, or "
                f"add it to them."
            )
    if len(set(horizons)) != len(horizons):
        yield f"evaluation.horizons_days={horizons!r} names a day twice. Name each once."


def subgroup_problems(
    pipeline: Pipeline, where: str, groups: Sequence[Subgroup]
) -> Iterator[str]:
    """Columns that the features lack, that are named twice or identify somebody, and cuts that do not suit them."""
    alerted = [e.key for e in pipeline.entities if e.name == pipeline.evaluation.alert_entity]
    kinds, columns = subgroup_kinds(pipeline), [each.column for each in groups]
    for each in groups:
        column = each.column
        if columns.count(column) > 1:
            yield f"{where}: {column!r} is declared twice. Declare it once, with all its cuts."
        if column in (*alerted, pipeline.table.id_column):
            yield (
                f"{where}: column {column!r} identifies single entities, and each would be a group. Use a feature, "
                f"such as an age with cuts."
            )
        yield from unknown(f"{where}: column", column, kinds)
        yield from _cuts(where, each, kinds.get(column))


def _cuts(where: str, subgroup: Subgroup, kind: str | None) -> Iterator[str]:
    column, cuts = subgroup.column, subgroup.cuts
    if any(not a < b for a, b in itertools.pairwise(cuts)):
        yield f"{where}: the cuts of {column!r} must ascend; got {cuts!r}."
    if cuts and kind == "text":
        yield f"{where}: {column!r} is a text, which cuts cannot divide. Omit cuts: each value is a group."
    if not cuts and kind == "number":
        yield f"{where}: {column!r} is a number. Add cuts, such as cuts=(60.0,)."


def subgroup_kinds(pipeline: Pipeline) -> dict[str, str]:
    """``number``, ``integer`` or ``text``, by column of the feature table that divides rows."""
    kinds = dict(pipeline.program().kinds)
    known = {name: kinds.get(name, "number") for name in pipeline.feature_names()}
    for entity in pipeline.entities:
        if set(entity.columns()) <= {*pipeline.table.column_names()}:
            known[entity.key] = "text" if pipeline.is_text(entity.name) else "integer"
    return known


def _baseline(pipeline: Pipeline, baseline: CoxBaseline) -> Iterator[str]:
    where = "evaluation.baseline"
    if not isinstance(pipeline.head, Survival):
        yield (
            f"{where}: a Cox model is for a Survival head, not {type(pipeline.head).__name__}. Omit it: the "
            f"base rate is shown for every head."
        )
    names = baseline.inputs or ()
    if not names:
        yield f"{where}.inputs is empty. Name features, such as {_some(pipeline)}."
    for name in names:
        yield from unknown(f"{where}: input", name, pipeline.feature_names())
    if not (math.isfinite(baseline.ridge) and baseline.ridge >= 0):
        yield f"{where}.ridge must be finite and 0 or more; got {baseline.ridge!r}."
    yield from out_of_range({f"{where}.max_rows": baseline.max_rows}, 100, MOST_ROWS)


def _some(pipeline: Pipeline) -> str:
    return ", ".join(map(repr, pipeline.feature_names()[:2])) or "those that are declared"


def model_gate_problems(pipeline: Pipeline) -> Iterator[str]:
    """Gates on metrics that the head does not have, or with a bound that does not suit them."""
    known, gates = metrics_of(pipeline.head, pipeline.evaluation.horizons_days), pipeline.gates
    for name, bound in gates.limits:
        yield from _limit(known, name, bound)
    for name, bound in gates.max_subgroup_gap:
        yield from _gap(known, name, bound)
    if gates.max_subgroup_gap and not pipeline.evaluation.subgroups:
        yield "gates.max_subgroup_gap needs subgroups. Add evaluation.subgroups, or omit it."
    if gates.min_gain_over_baseline is not None and pipeline.evaluation.baseline is None:
        yield (
            "gates.min_gain_over_baseline needs a baseline. Add evaluation.baseline, such as "
            f"CoxBaseline(inputs=({_some(pipeline)},)), or omit it."
        )
    if not isinstance(pipeline.head, Binary):
        yield from _binary_only(gates, known)


def _limit(known: Mapping[str, bool | None], name: str, bound: object) -> Iterator[str]:
    if name not in known:
        yield f"gates.limits: {name!r} is not a metric of this head. {nearest(name, known)}"
    elif isinstance(bound, tuple):
        low, high = bound
        if not low <= high:
            yield f"gates.limits: the range of {name!r} must be (low, high); got {bound!r}."
    elif known[name] is None:
        yield (
            f"gates.limits: {name!r} is neither better when higher nor when lower. Use a range, such as "
            f"({name!r}, {(0.8, 1.25) if 'slope' in name else (-0.2, 0.2)})."
        )


def _gap(known: Mapping[str, bool | None], name: str, bound: float) -> Iterator[str]:
    where = "gates.max_subgroup_gap"
    directed = [metric for metric, more in known.items() if more is not None]
    if name not in known:
        yield f"{where}: {name!r} is not a metric of this head. {nearest(name, directed)}"
    elif known[name] is None:
        yield (
            f"{where}: {name!r} is neither better when higher nor when lower, so no group can be worse by it. "
            f"Use one of {', '.join(directed)}."
        )
    if bound < 0:
        yield f"{where}: the bound of {name!r} must be 0 or more; got {bound!r}."


def _binary_only(gates: Gates, known: Mapping[str, bool | None]) -> Iterator[str]:
    plain = Gates()
    for name in ("min_auc", "min_average_precision"):
        if getattr(gates, name) != getattr(plain, name):
            yield (
                f"gates.{name} is for a Binary head. Use gates.limits with one of "
                f"{', '.join(known)}."
            )
