"""Mistakes in declared gates on data, of the pipeline and of each other table.

Why: a rule that no expectation can follow, or a limit that nothing can meet, would refuse every day.
Promise: every mistake is listed, with its location and what to write instead.
Not here: whether rules can be evaluated (``pipelines/drivers/scaffold/gate_trial.py``).
"""

from collections.abc import Iterator
from dataclasses import fields

from pipelines.core.declared import nearest, unknown
from pipelines.core.errors import ConfigError
from pipelines.spec.checks.columns import fits
from pipelines.spec.gates import DayGate, Limit, Validation, WindowGate
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.tables import Table

SEVERITIES = ("info", "warning", "critical")
# The median of fewer days is unreliable.
MIN_DAYS = 3


def gate_problems(pipeline: Pipeline) -> Iterator[str]:
    """The mistakes of every gate."""
    for table in pipeline.tables:
        if table.name == pipeline.examples:
            yield from _gate("validation", pipeline.validation, table, pipeline.time_zone)
        elif table.validation is not None:
            where = f"table {table.name}: validation"
            yield from _gate(where, table.validation, table, pipeline.time_zone)


def _gate(where: str, gate: Validation, table: Table, zone: str) -> Iterator[str]:
    shares = {
        f"{where}.max_quarantined_share": gate.max_quarantined_share,
        f"{where}.window.min_label_rate": gate.window.min_label_rate,
        f"{where}.window.max_label_rate": gate.window.max_label_rate,
        **{f"{where}.budgets: {name}": share for name, share in gate.budgets},
    }
    for name, share in shares.items():
        if not 0 <= share <= 1:
            yield f"{name} must be in [0, 1]; got {share!r}."
    if gate.window.min_label_rate > gate.window.max_label_rate:
        yield f"{where}.window: min_label_rate is above max_label_rate."
    if gate.min_rows is not None and gate.min_rows < 0:
        yield f"{where}.min_rows must be 0 or more; got {gate.min_rows!r}."
    yield from _rules(gate)
    yield from _measurements(f"{where}.measurements", gate, table)
    yield from _limits(f"{where}.window", gate.window)
    yield from _limits(f"{where}.days", gate.days)
    yield from _days(f"{where}.days", gate.days, table, zone)


def _rules(gate: Validation) -> Iterator[str]:
    for rule in gate.rules:
        if rule.severity not in SEVERITIES:
            yield f"rule {rule.name}: severity {rule.severity!r}. {nearest(rule.severity, SEVERITIES)}"
        if not str(rule.expectation).startswith("expect_"):
            yield f"rule {rule.name}: {rule.expectation!r} is not an expectation type (expect_...)."


def _measurements(where: str, gate: Validation, table: Table) -> Iterator[str]:
    declared = gate.measurements
    if declared is None:
        return
    if not declared.by:
        yield f"{where}.by must have columns, such as the entity's and the time; got ()."
    columns = {column.name: column for column in table.columns}
    for name in (declared.code, declared.value, *declared.by):
        yield from unknown(f"{where}: column", name, columns)
    if declared.value in columns and columns[declared.value].type != "number":
        yield (
            f"{where}.value: column {declared.value!r} is of type {columns[declared.value].type!r}. "
            f"Expected a number."
        )
    for code in declared.trusted:
        if declared.code in columns and not fits(columns[declared.code], code):
            yield f"{where}.trusted: {code!r} cannot occur in column {declared.code!r}."


def _limits(where: str, gate: WindowGate | DayGate) -> Iterator[str]:
    limits = {f.name: getattr(gate, f.name) for f in fields(gate)}
    for name, limit in limits.items():
        both = isinstance(limit, Limit) and None not in (limit.warn, limit.refuse)
        if both and limit.warn > limit.refuse:
            yield (
                f"{where}.{name}: warn={limit.warn!r} is above refuse="
                f"{limit.refuse!r}. Warn at the same value or below."
            )


def _days(where: str, gate: DayGate, table: Table, zone: str) -> Iterator[str]:
    least = {"days_back": 0, "min_days": MIN_DAYS, "min_same_weekday": MIN_DAYS}
    for name, at_least in least.items():
        value = getattr(gate, name)
        if value < at_least:
            yield f"{where}.{name} must be an integer of {at_least} or more; got {value!r}."
    partitions = table.partitions(zone)
    for day in gate.excused:
        try:
            partitions.parse(day, f"{where}.excused")
        except ConfigError as error:
            yield str(error)
    for name in gate.not_compared:
        yield from unknown(f"{where}.not_compared", name, table.column_names())
