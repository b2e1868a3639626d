"""Running the whole chain of stages, and taking a day in again.

Why: days of data become an evaluated and registered model by one call.
Promise: everything that can be refused is refused before the first stage starts; what is published
    already is found, not made again.
"""

from pipelines.api.opening import Assignments, PipelineHandle, assignments, opened
from pipelines.api.stages import AnyStore, Source
from pipelines.api.store import absolute_source, open_store
from pipelines.api.work import range_of_days, time_limit_s, tuned
from pipelines.core.days import parse_day, shift
from pipelines.core.errors import ConfigError
from pipelines.drivers.chain import ChainRequest, replay_partition, run_chain
from pipelines.drivers.chain_summary import Summary
from pipelines.protocol import option_values
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.spec import Label, Pipeline
from pipelines.spec.learning import BY_TIME

MAX_SEEDS = 1000
"""More models than anybody trains in one run: each is planned before the first is made."""


def run(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    source: Source,
    from_: str,
    to: str,
    as_of: str | None = None,
    seeds: int = 1,
    folds: bool = False,
    options: Assignments = None,
) -> Summary:
    """Take in days of data, train a model on them, evaluate it, and register it.

    Each stage runs in a process of its own. Refused days do not stop the chain: the model is made
    without them, and ``refused`` lists them.

    Args:
        pipeline: A pipeline, opened with the settings of this run, or its name.
        store: Where artifacts are published.
        source: Root of the source files.
        from_: First day of data; history begins there.
        to: Last day of data.
        as_of: As-of day of the model; by default the first that knows the labels of ``to``.
        seeds: Models to train, from ``training.seed`` upwards; the first is promoted.
        folds: Whether to cross-validate: a model for each fold of the entities, tested on its members;
            none is promoted.
        options: What is asked of stages beside settings: ``{"track": False}``.

    Returns:
        Of each stage seconds, CPU-seconds, rows and cached work; ``quarantined`` rows by rule;
        ``refused`` days; ``metrics`` of the model with intervals; ``verdict``, ``reason``,
        ``registered``, ``model``: what the command's ``--json`` prints. With ``folds`` in place of the model's
        facts ``folds``, the metrics of each, and ``over_folds``, their mean and standard deviation.

    Raises:
        ConfigError: An argument or a setting cannot be used.
        TransientError: A retry can help; what is published already stays.
        PermanentError: A stage failed for good; what is published already stays.
    """
    handle, root = opened(pipeline), open_store(store).uri
    texts, days = assignments(options, "options"), range_of_days(from_, to)
    spec = handle.declaration
    if type(seeds) is not int or not 1 <= seeds <= MAX_SEEDS:
        raise ConfigError(
            f"--seeds must be a whole number from 1 to {MAX_SEEDS}; got {seeds!r}."
        )
    handle.with_settings([f"training.seed={spec.training.seed + seeds - 1}"])
    if folds:
        _require_folds(spec, seeds)
    request = ChainRequest(
        pipeline=spec,
        settings=handle.settings,
        options=texts,
        store=root,
        source=absolute_source(source),
        first=days[0],
        last=days[-1],
        as_of=as_of or _first_as_of(spec, to),
        seeds=seeds,
        folds=folds,
    )
    parse_day(request.as_of, "--as-of")
    # What only a later stage uses must not come to light after hours of work.
    tuned(spec, handle.settings, texts, root, request.as_of)
    time_limit_s(texts)
    ComputeSettings.from_options(option_values(texts))
    return run_chain(request)


def _require_folds(pipeline: Pipeline, seeds: int) -> None:
    if pipeline.split.by == BY_TIME:
        raise ConfigError(
            f"--folds: {pipeline.name} is split by time, and folds are of entities. Declare "
            f"Split(..., by='entity', entity=..., folds=5), or by='both'."
        )
    if seeds != 1:
        raise ConfigError(
            f"--folds and --seeds={seeds} are both given: a cross-validation trains one model for each fold. "
            f"Run it for each seed with --set training.seed=..."
        )


def _first_as_of(pipeline: Pipeline, to: str) -> str:
    """The first day that knows the labels of a day; where they are events, all that happened by its end."""
    own = isinstance(pipeline.label, Label)
    return shift(to, pipeline.label.settled_days() + 1 if own else 1)


def replay(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    partition: str,
    table: str | None = None,
    source: Source = None,
    history_from: str | None = None,
) -> Summary:
    """Validate a partition again after its source or its rules were corrected, and admit its rows.

    Args:
        pipeline: A pipeline, opened with the settings of this run, or its name.
        store: Where it is published.
        partition: Partition to take in again.
        table: Its table; by default the examples'.
        source: Root of the source files; landmarks need none.
        history_from: First day of data; by default the start of the pipeline's schedule.

    Returns:
        As ``run``, of the stages by day, with ``quarantined_before``.

    Raises:
        PipelineError: As ``run``.
    """
    if history_from is not None:
        parse_day(history_from, "--history-from")
    handle = opened(pipeline)
    spec = handle.declaration
    (spec if table is None else spec.of_table(table)).partitions().parse(
        partition, "--partition"
    )
    return replay_partition(
        handle.declaration,
        handle.settings,
        store=open_store(store).uri,
        source=absolute_source(source),
        partition=partition,
        table=table,
        history_from=history_from,
    )
