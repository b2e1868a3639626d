"""Declared gates on data: the rules for a day, and the limits for a training window.

Why: the consequence of a failure (a line in a report, some rows, the day, the model) is the
    pipeline's own decision and must be readable in one file.
Promise: imports nothing but the standard library; nothing is read from the environment.
Not here: validating a day or a window (``pipelines/shared/expectations/``), a model's gates
    (``learning.py``), mistakes in them (``checks/gates.py``).
"""

from pipelines.core.declared import declared


@declared
class Rule:
    """An expectation of the pipeline, in addition to those derived from the columns.

    Attributes:
        name: Rule id in the quarantine and the report.
        expectation: Great Expectations type, ``expect_column_values_to_...``.
        kwargs: Its arguments, as ``(name, value)`` pairs.
        severity: ``info`` warns, ``warning`` quarantines the failing rows (refuses the
            partition where the expectation is not about single rows), ``critical`` refuses.
    """

    name: str
    expectation: str
    kwargs: tuple[tuple[str, object], ...]
    severity: str = "warning"


@declared
class Limit:
    """A bound with two severities; None for no bound.

    Attributes:
        warn: Above it the report and the log have a warning.
        refuse: Above it the window is refused, and no model is trained on it.
    """

    warn: float | None = None
    refuse: float | None = None


@declared
class WindowGate:
    """Limits for a model's window as a whole, in addition to those for each day.

    Attributes:
        missing_days: Share of the training days without rows: refused, or empty.
        rows_ratio: Ratio of a day's rows to the median day's, or the inverse if that is larger.
        null_share: Share of a feature's training values that are null or not finite.
        min_label_rate: Smallest mean of the label over the training rows; below it refused.
        max_label_rate: Largest mean; above it refused.
        label_ratio: Ratio of the mean to that of the champion's window, or the inverse if that is
            larger.
        psi: Population stability index of a feature against the champion's window.
        js: Jensen-Shannon divergence of the two in bits, 0 to 1.
    """

    missing_days: Limit = Limit(warn=0.0, refuse=0.5)
    rows_ratio: Limit = Limit(warn=3.0)
    null_share: Limit = Limit(warn=0.5, refuse=0.99)
    min_label_rate: float = 0.0
    max_label_rate: float = 1.0
    label_ratio: Limit = Limit(warn=2.0, refuse=10.0)
    psi: Limit = Limit(warn=0.25, refuse=1.0)
    js: Limit = Limit(warn=0.1, refuse=0.5)


@declared
class DayGate:
    """Limits for the difference of a day from the days around it.

    A difference counts where its size is above its limit and its number of deviations from the
    usual value is above the limit of ``deviations`` for the same severity. ``validate`` compares
    with the days before and only warns; ``validate_window`` compares with all days of the window,
    and may refuse it.

    Attributes:
        days_back: Number of days before a day, and in a window after it, that it is compared with; 0
            compares nothing. Of a table of another grain it is the number of its partitions.
        min_days: Minimum number of other days for a comparison.
        min_same_weekday: Number of days of the same weekday from which their median is the usual
            value for the weekday; with fewer it is any of their values. Hours are compared with the
            same hour of the day, months and quarters with the same of the year.
        deviations: Robust standard deviations, of days and of sampling, from the nearest usual value.
        rows_ratio: Ratio of the rows to the usual number, or the inverse if that is larger.
        label_odds: Ratio of the odds of a label of 1 to the usual odds, or the inverse.
        missing_share: Difference of a column's share of missing values from the usual share.
        moved_share: Share of a column's values that have moved: the largest distance of the
            distribution functions. 1 where no value is usual.
        constant: 1 for a column with a single value that had several on every other day.
        repeated: 1 for a day that has all the values of another day.
        not_compared: Columns that are not compared.
        excused: Days that are correct although they differ.
    """

    days_back: int = 28
    min_days: int = 7
    min_same_weekday: int = 3
    deviations: Limit = Limit(warn=4.0, refuse=8.0)
    rows_ratio: Limit = Limit(warn=1.5, refuse=10.0)
    label_odds: Limit = Limit(warn=1.5, refuse=10.0)
    missing_share: Limit = Limit(warn=0.1, refuse=0.5)
    moved_share: Limit = Limit(warn=0.15, refuse=0.4)
    constant: Limit = Limit(warn=0.0)
    repeated: Limit = Limit(warn=0.0)
    not_compared: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()


@declared
class Measurements:
    """The values of a long-form table, which has a row for each value and a code that says of what.

    Rows of a code whose values are those of another code, key by key, go to quarantine: one of the two is a copy
    under a wrong name. Rows of both do, unless one is trusted. Rule ``<code column>.repeated``.

    Attributes:
        code: Column of the codes.
        value: Column of the values, a number.
        by: Columns of the key within which there is one value of a code: the entity's and the time.
        trusted: Codes that are known to be right.
    """

    code: str
    value: str
    by: tuple[str, ...]
    trusted: tuple[object, ...] = ()


@declared
class Validation:
    """The gate that a partition must pass.

    Attributes:
        max_quarantined_share: Share of the rows that may be quarantined; above it the whole
            partition is refused.
        budgets: The same for single rules, as ``(rule id, share)`` pairs.
        min_rows: Minimum number of rows of a partition; None for 1, and for 0 of landmarks, whose
            partitions may have none.
        rules: Expectations of the pipeline.
        suites: Suites saved by Great Expectations as JSON, used unchanged: paths below the folder of
            the pipeline's declaration, or absolute.
        parameters: Values for ``{"$PARAMETER": name}`` in a rule's arguments, as ``(name, value)``
            pairs.
        mask: Whether messages, logs and pages mask the values of sensitive columns.
        days: Limits for the difference of a day from the days around it.
        window: Limits for a model's window.
        measurements: The values of a long-form table, among which no code may repeat another.
    """

    max_quarantined_share: float = 0.01
    budgets: tuple[tuple[str, float], ...] = ()
    min_rows: int | None = None
    rules: tuple[Rule, ...] = ()
    suites: tuple[str, ...] = ()
    parameters: tuple[tuple[str, object], ...] = ()
    mask: bool = True
    days: DayGate = DayGate()
    window: WindowGate = WindowGate()
    measurements: Measurements | None = None
