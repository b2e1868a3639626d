"""Declared learning: label, split, training, evaluation and gates.

Why: what decides whether a model is promoted must be readable in one place.
Promise: defaults are the ones a run records; nothing is read from the environment.
Not here: networks (``models.py``), heads (``heads.py``), the training loop
    (``pipelines/training/``), the verdict (``pipelines/evaluation/``).
"""

from pipelines.declared import declared


@declared
class Label:
    """A label that is a column of the example's own row.

    Attributes:
        column: Column that holds it, as the head reads it (a flag for ``Binary``).
        known_after_days: Days after the event time until the value may be used.
    """

    column: str
    known_after_days: int


@declared
class Outcome:
    """A label that is an event in another table, within a horizon after the example.

    Attributes:
        table: Table that holds the events.
        entity: Entity that links an event to the example.
        where: ``(column, value)`` that tells the event from others.
        horizon_days: Days after the example within which the event counts.
        known_after_days: Days after the horizon until its absence may be believed.
    """

    table: str
    entity: str
    where: tuple[str, object]
    horizon_days: int
    known_after_days: int = 0


@declared
class Split:
    """Days that train and days that judge, counted back from the as-of day A.

    The test days end on the last day whose labels are known at A; ``gap_days`` lie between
    training and test, so that the training labels were known when testing began.
    """

    train_days: int
    gap_days: int
    test_days: int


@declared
class Training:
    """How one model is trained. Recorded whole in the run's manifest.

    Attributes:
        epochs: Passes over the training rows.
        global_batch_rows: Rows per optimiser step, summed over all replicas.
        learning_rate: Peak Adam rate for ``global_batch_rows``.
        clip_norm: Global gradient norm above which a step is scaled down.
        seed: Seed of the weights, the dropout and the row order.
        replicas: Replicas to train on; 0 means every visible GPU, else one CPU.
        checkpoint_every_s: Seconds between checkpoints.
    """

    epochs: int = 10
    global_batch_rows: int = 256
    learning_rate: float = 1e-3
    clip_norm: float = 1.0
    seed: int = 0
    replicas: int = 0
    checkpoint_every_s: float = 10.0


@declared
class Evaluation:
    """How a model is judged on the test days.

    Attributes:
        alert_entity: Entity that an alert is raised on (a card, a patient).
        alerts_per_day: Entities that can be looked at in a day: the k of precision at k.
        bootstrap_samples: Resamples, by entity, behind each 95 % interval.
    """

    alert_entity: str
    alerts_per_day: int = 100
    bootstrap_samples: int = 200


@declared
class Gates:
    """What a challenger must reach to be promoted.

    Attributes:
        min_auc: Smallest area under the ROC curve (``Binary`` only).
        min_average_precision: Smallest average precision (``Binary`` only).
        limits: ``(metric, bound)`` pairs for any metric of the head: the smallest value where
            more is better (``accuracy``), the largest where less is (``rmse``).
        max_loss_to_champion: What the challenger may lose of the head's primary metric against
            the champion on the same rows and still be promoted; 0 asks for at least as good.
    """

    min_auc: float = 0.5
    min_average_precision: float = 0.0
    limits: tuple[tuple[str, float], ...] = ()
    max_loss_to_champion: float = 0.0


@declared
class Rule:
    """An expectation of the pipeline's own, beside those that the columns give.

    Attributes:
        name: Rule id in the quarantine and the report.
        expectation: Great Expectations type, ``expect_column_values_to_...``.
        kwargs: Its arguments, as ``(name, value)`` pairs.
        severity: ``info`` warns, ``warning`` quarantines the failing rows (refuses the
            partition where the expectation is about no single row), ``critical`` refuses.
    """

    name: str
    expectation: str
    kwargs: tuple[tuple[str, object], ...]
    severity: str = "warning"


@declared
class Validation:
    """What stops a partition at the door.

    Attributes:
        max_quarantined_share: Share of the rows that may be quarantined; above it the whole
            partition is refused.
        min_rows: Rows that a day must have.
        rules: Expectations of the pipeline's own.
    """

    max_quarantined_share: float = 0.01
    min_rows: int = 1
    rules: tuple[Rule, ...] = ()


@declared
class Schedule:
    """When Airflow runs the pipeline, all in UTC.

    Attributes:
        start: First day of data, ``YYYY-MM-DD``; nothing looks back beyond it.
        data_cron: When a closed day is taken in.
        model_cron: When a model is trained; the tick's day is the as-of day.
    """

    start: str
    data_cron: str = "0 0 * * *"
    model_cron: str = "0 0 * * 1"
