"""Declared evaluation: resamples, horizons, subgroups, a baseline, and the gates on a model.

Why: what decides whether a model is promoted must be readable in one file.
Promise: plain values only; a setting that is left out changes nothing of an evaluation.
Not here: metrics (``heads.py``), mistakes (``checks/evaluation.py``), the verdict
    (``pipelines/stages/evaluate/``).
"""

from pipelines.core.declared import declared
from pipelines.spec.slices import SliceSearch

__all__ = ["Costs", "CoxBaseline", "Evaluation", "Gates", "Subgroup"]


@declared
class Subgroup:
    """Rows by the values of a column: each group is evaluated by itself, and against all other rows.

    Groups with fewer than 10 entities, or with fewer than 5 events, are not shown.

    Attributes:
        column: A feature, or the key column of an entity other than the alert entity.
        cuts: Ascending bounds of a number: below the first, from one to the next, from the last. Empty for a
            group for each value.
    """

    column: str
    cuts: tuple[float, ...] = ()


@declared
class CoxBaseline:
    """A Cox model of a few features, fitted to the training rows and evaluated beside the model (``Survival`` only).

    A missing number is its mean, with a flag beside it; a text is a flag for each of its most frequent values.

    Attributes:
        inputs: Names of features.
        ridge: Weight of the penalty on squared coefficients of standardised inputs.
        max_rows: Largest number of training rows; above it, so many are chosen by a hash of their position.
    """

    inputs: tuple[str, ...]
    ridge: float = 1.0
    max_rows: int = 20_000


@declared
class Costs:
    """What the decision over a row costs, in one unit of money; of a ``Binary`` head.

    A row without an alert costs ``missed`` if it has the event; a row with one costs the work on it, and
    ``false_alert`` if it has not. So an alert is worth its cost from the probability
    ``(false_alert + work) / (missed + false_alert)`` on, where ``work`` is
    ``investigator_day / alerts_per_investigator``. That is the threshold of a decision.

    Attributes:
        missed: An event without an alert.
        false_alert: An alert without an event, beside the work on it.
        investigator_day: A day of the work of one who looks at alerts.
        alerts_per_investigator: Alerts that one person looks at in a day.
    """

    missed: float
    false_alert: float = 0.0
    investigator_day: float = 0.0
    alerts_per_investigator: int = 50

    def work(self) -> float:
        """What looking at one alert costs."""
        return self.investigator_day / self.alerts_per_investigator

    def threshold(self) -> float:
        """The probability from which an alert costs less than none."""
        return (self.false_alert + self.work()) / (self.missed + self.false_alert)


@declared
class Evaluation:
    """How a model is evaluated on the test days.

    Attributes:
        alert_entity: Entity that an alert is raised on (a card, a patient): ``Binary`` needs one.
            Intervals are made by resampling its members, and single rows where it is None.
        alerts_per_day: Entities that can be investigated in a day: the k of precision at k
            (``Binary`` only). One whose event was found is investigated on no later day, and a day
            with fewer entities than k counts as k, so few entities cap the precision.
        bootstrap_samples: Resamples, by entity, for each 95 % interval.
        exclude_known: Whether rows of an entity with an earlier label of 1, known by their day, are left
            out of the metrics of a ``Binary`` head: a card that is blocked needs no alert.
        horizons_days: Cuts of a ``Survival`` head that have metrics of their own; empty for its last one.
        subgroups: Rows that are also evaluated by themselves.
        baseline: A simple model beside which a model with a ``Survival`` head is shown; None for the incidence of
            the training rows alone, which is shown in any case.
        costs: What decisions cost, from which the threshold of a decision follows (``Binary`` only).
        threshold: Probability from which a row's decision is positive, where no costs are declared (``Binary``
            only). None for the one that alerts ``alerts_per_day`` entities a day on the validation days, and for
            no decisions where there are none.
        explained_rows: Test rows that the importance of features is measured on, half of them with the event where
            there are as many; a quarter of them for contributions. 0 for none of either.
        slice_search: Search for slices of rows that the model fails; None for none.
        fairness: Groups of which the rates of decisions are compared (``Binary`` only).
    """

    alert_entity: str | None = None
    alerts_per_day: int = 100
    bootstrap_samples: int = 200
    exclude_known: bool = False
    horizons_days: tuple[float, ...] = ()
    subgroups: tuple[Subgroup, ...] = ()
    baseline: CoxBaseline | None = None
    costs: Costs | None = None
    threshold: float | None = None
    explained_rows: int = 2_000
    slice_search: SliceSearch | None = None
    fairness: tuple[Subgroup, ...] = ()


@declared
class Gates:
    """Conditions for the promotion of a challenger.

    Attributes:
        min_auc: Smallest area under the ROC curve (``Binary`` only).
        min_average_precision: Smallest average precision (``Binary`` only).
        limits: ``(metric, bound)`` pairs for any metric of the head: the smallest value where
            more is better (``accuracy``), the largest where less is better (``rmse``);
            ``(metric, (low, high))`` for a range, which the slope and the intercept of a calibration need.
        max_loss_to_champion: How much worse than the champion the challenger may be on the same
            rows, by the head's primary metric; 0 requires at least as good.
        min_gain_over_baseline: How much better than the baseline the model must be on the same rows, by the
            head's primary metric. Below it is REJECTED; where only the lower end of the gain's 95 %
            interval is below it, NOT_BETTER. None for no such gate.
        max_subgroup_gap: ``(metric, bound)`` pairs: how much worse than on all other rows the metric may
            be in a subgroup. More is NOT_BETTER, and REJECTED where the whole 95 % interval of the gap is beyond the bound.
        max_subgroup_loss_to_champion: How much worse than the champion the model may be in a declared subgroup or a
            found slice, by the head's primary metric. NOT_BETTER where the whole 95 % interval of the loss is
            beyond it. None for no such gate.
    """

    min_auc: float = 0.5
    min_average_precision: float = 0.0
    limits: tuple[tuple[str, float | tuple[float, float]], ...] = ()
    max_loss_to_champion: float = 0.0
    min_gain_over_baseline: float | None = None
    max_subgroup_gap: tuple[tuple[str, float], ...] = ()
    max_subgroup_loss_to_champion: float | None = None
