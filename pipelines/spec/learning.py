"""Declared learning: label, split, training and schedule.

Why: what decides whether a model is promoted must be readable in one file.
Promise: defaults are the ones a run records; nothing is read from the environment.
Not here: evaluation and gates on models (``evaluation.py``), gates on data (``gates.py``), networks
    (``models.py``), heads (``heads.py``), the training loop (``pipelines/stages/train/``).
"""

from pipelines.core.declared import declared

SPLITS = BY_TIME, BY_ENTITY, BY_BOTH = ("time", "entity", "both")
"""What separates training from test."""


@declared
class Label:
    """A label that is a column of the example's own row.

    Attributes:
        column: Column of the label, in the form of the head (a flag for ``Binary``).
        known_after_days: Days after the event time until the value may be used.
    """

    column: str
    known_after_days: int

    def settled_days(self) -> int:
        """Days after an example's own day until its label is known."""
        return self.known_after_days


@declared
class Outcome:
    """A label that is an event in another table, within a horizon after the example.

    An example is at risk from just after its time. It ends with the event, with the competing event, with
    the end of its entity's follow-up, or at the horizon, whichever is first. One whose entity had the event
    before is left out (it is prevalent, not incident) unless the event is ``recurrent``, and so is one whose
    follow-up ended before.

    For ``Survival`` the label is the time of that end, in days, negative where it was not the event. For
    ``Binary`` it is whether the event happened within the horizon; where follow-up ended before the horizon
    it is unknown, and the others are weighted by the inverse of the probability not to be censored by then.

    Attributes:
        table: Table of the events.
        entity: Entity that links an event to the example.
        where: ``(column, value)`` that identifies the event, or ``(column, (value, ...))`` for any of several.
        horizon_days: Days after the example within which the event counts.
        known_after_days: Days after the horizon until its absence is certain.
        competing: The same for an event that makes the other impossible (death); None for none.
        followed_until: What ends an entity's follow-up: ``TABLE.COLUMN``, a timestamp of a static table;
            ``TABLE``, the entity's last row in it; empty where everyone is followed to the horizon.
        recurrent: Whether an entity may have the event again (an order, an admission).
    """

    table: str
    entity: str
    where: tuple[str, object]
    horizon_days: int
    known_after_days: int = 0
    competing: tuple[str, object] | None = None
    followed_until: str = ""
    recurrent: bool = False

    def settled_days(self) -> int:
        """Days after an example's own day until its label is known: the horizon's too."""
        return self.horizon_days + self.known_after_days


@declared
class Split:
    """Training days and test days, counted back from the as-of day A.

    The test days end on the last day whose labels are known at A; ``gap_days`` are between
    training and test, so that the training labels were known when testing began.

    With ``by="entity"`` entities are divided, not days: all examples of the training days are used, those
    of one fold of the entities to test (``gap_days`` and ``test_days`` are 0). With ``by="both"`` training and test are
    apart in time, and no entity is on both sides. The fold of an entity depends on nothing but the entity.

    Attributes:
        train_days: Days before the gap.
        gap_days: Days between training and test.
        test_days: Days on which the model is evaluated; training never uses them.
        validation_days: The last of the training days, not used for gradients: they choose the
            epoch to stop at and to keep. 0 trains on every day and keeps the last epoch.
        by: What separates training from test: ``time``, ``entity`` or ``both``.
        entity: The entity that is divided; None where ``by`` is ``time``.
        folds: Number of folds that its members are divided into.
        fold: Fold whose members are tested, from 0; a cross-validation takes each in turn.
        fold_seed: Another number divides them anew, by a hash of it and the member's key.
        validation_folds: Number of folds, after the tested one, whose members choose the epoch where ``by`` is
            ``entity``.
    """

    train_days: int
    gap_days: int
    test_days: int
    validation_days: int = 0
    by: str = "time"
    entity: str | None = None
    folds: int = 5
    fold: int = 0
    fold_seed: int = 0
    validation_folds: int = 0


@declared
class Training:
    """Settings of training. All are recorded in the run's manifest.

    Attributes:
        epochs: Passes over the training rows.
        global_batch_rows: Rows per optimiser step, summed over all replicas.
        micro_batches: Number of micro-batches into which a replica's rows of a step are split;
            more need less memory, and the step stays the same to rounding.
        pool_mb: Size of the shuffle buffer in MB; two are in memory.
        learning_rate: Peak rate for ``base_batch_rows``.
        base_batch_rows: Batch size that ``learning_rate`` was chosen for.
        rate_scaling: ``none``; ``linear`` or ``sqrt`` multiply the rate by the batch over
            ``base_batch_rows``, or its root.
        schedule: ``constant``, ``cosine``, ``linear`` or ``step``, after the warm-up.
        final_rate_share: Share of the peak that ``cosine`` and ``linear`` end at.
        step_epochs: Epochs between two drops of ``step``.
        step_factor: Factor of the rate at each drop of ``step``.
        warmup_epochs: Epochs in which the rate rises from 0 to its peak.
        optimizer: ``sgd``, ``momentum``, ``adam``, ``adamw``, ``lion`` or ``adagrad``.
        momentum: Momentum of the optimiser ``momentum``.
        weight_decay: Decoupled decay per step, times the rate, of ``adamw`` and ``lion``.
        embedding_optimizer: Another optimiser for embedding tables: ``sgd``, ``adagrad``, or
            ``row_adam``, which updates the rows of the batch alone; empty for the same.
        embedding_learning_rate: Its peak rate; 0 for the same.
        clip_norm: Global gradient norm above which gradients are scaled down; 0 for no limit.
        precision: ``float32``, ``bfloat16``, or ``float16`` with loss scaling.
        jit: Whether XLA compiles the step (one replica) or its gradients (several).
        class_weights: Weight of a row of label 0, 1, ...; empty for 1 each.
        focal_gamma: Exponent of the focal loss; 0 is cross-entropy.
        watch: Metric of the validation days that chooses the epoch: ``loss``, ``auc`` or
            ``average_precision``.
        patience: Epochs without improvement before training stops; 0 disables early stopping.
        keep_best: Whether the best epoch's weights are published rather than the last's; None means
            yes where there are validation days to choose it by.
        time_limit_s: Seconds of training, over all tries, after which it stops with the best
            weights; 0 for no limit.
        calibration: How a ``Binary`` score becomes a probability, fitted to the validation rows after the last
            epoch: ``platt``, ``isotonic``, ``none``, or ``auto`` for the one that they show to help, if any.
        min_rows: Minimum number of training rows; with fewer training is refused.
        leakage_auc: AUC of a single input (concordance of an amount or a time) above which training
            is refused; 1 never refuses.
        seed: Seed of the weights, the dropout and the row order.
        replicas: Replicas to train on; 0 means every visible GPU, else one CPU.
        threads: CPU threads per operation. A number, not the host's cores, because the last
            digits of large products depend on it.
        checkpoint_every_s: Seconds between checkpoints.
        checkpoint_every_steps: Steps between checkpoints; 0 uses seconds alone.
        keep_checkpoints: Number of newest checkpoints to keep.
    """

    epochs: int = 10
    global_batch_rows: int = 256
    micro_batches: int = 1
    pool_mb: int = 256
    learning_rate: float = 1e-3
    base_batch_rows: int = 256
    rate_scaling: str = "none"
    schedule: str = "constant"
    final_rate_share: float = 0.0
    step_epochs: int = 10
    step_factor: float = 0.1
    warmup_epochs: float = 0.0
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.004
    embedding_optimizer: str = ""
    embedding_learning_rate: float = 0.0
    clip_norm: float = 1.0
    precision: str = "float32"
    jit: bool = False
    class_weights: tuple[float, ...] = ()
    focal_gamma: float = 0.0
    watch: str = "loss"
    patience: int = 0
    keep_best: bool | None = None
    time_limit_s: float = 0.0
    calibration: str = "auto"
    min_rows: int = 100
    leakage_auc: float = 0.99
    seed: int = 0
    replicas: int = 0
    threads: int = 4
    checkpoint_every_s: float = 10.0
    checkpoint_every_steps: int = 0
    keep_checkpoints: int = 2


@declared
class Schedule:
    """When Airflow runs the pipeline, in the pipeline's time zone.

    Attributes:
        start: First day of data, ``YYYY-MM-DD``; no window reaches before it.
        data_cron: When a partition of the examples' table that is over is ingested: once an hour, day,
            week ..., as the table's grain says. Empty for as soon as it is over, at midnight (weeks: of
            Monday). Tables of another grain are ingested at the same time of day.
        model_cron: When a model is trained; the day of the tick is the as-of day.
    """

    start: str
    data_cron: str = ""
    model_cron: str = "0 0 * * 1"
