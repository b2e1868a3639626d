"""Stage ``train``: train a network on a training set, and resume it after a kill.

Why: training is the longest stage; a retry must not start from the beginning.
Promise: the artifact's weights depend on the training set, the declared network and training,
    and the number of devices, never on kills, checkpoints or time.
Not here: the training loop (``loop.py``), the devices (``devices.py``).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import OutOfMemoryError
from pipelines.core.memory import is_out_of_memory
from pipelines.core.store import Manifest
from pipelines.protocol import Plan, StageOutcome, Work, code_of, input_of
from pipelines.protocol.declared_code import declared_code
from pipelines.protocol.settings import trained_settings, training_set_settings
from pipelines.spec import model_code
from pipelines.stages.train.micro_batches import MicroBatches

if TYPE_CHECKING:
    from pipelines.stages.train.loop import TrainingRun
    from pipelines.stages.train.network import Network
    from pipelines.stages.train.networks import ModelInputs


def plan(work: Work) -> Plan:
    """The training set's content, the network, and how it is trained."""
    manifest = input_of(work, "training_set", training_set_settings(work))
    return Plan(
        inputs={"training_set": manifest.content},
        config=trained_settings(work),
        code=code_of(
            __name__,
            *model_code(work.pipeline.model),
            *declared_code(work.pipeline.features),
        ),
        made_from={"training_set": manifest},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Train, and write every form of the model.

    Raises:
        TrainingError: Rows that no model can be fitted to, or a non-finite loss.
        StageStoppedError: SIGTERM; a checkpoint was written first.
        OutOfMemoryError: Memory is too small for a step; the next try halves its micro-batches.
    """
    from pipelines.shared.compute.machine import visible_gpu_count
    from pipelines.shared.tracking.tracker import About, keep_spool, tracking
    from pipelines.stages.train.devices import choose_devices, open_strategy
    from pipelines.stages.train.preflight import check_rows, require_evaluable
    from pipelines.stages.train.shards import open_sides

    began = time.monotonic()
    training_set = work.store.open(plan.made_from["training_set"])
    training, days = work.pipeline.training, work.days()
    shards, held_out = open_sides(training_set, days)
    scratch = work.scratch(plan, work.model_ref("models"))
    about = About(name=work.model_ref("models").key)
    with tracking(work, plan, scratch, about) as tracker:
        words, head = work.pipeline.class_words(), work.pipeline.head
        for warning in check_rows(work.report.work, shards, training, head, words):
            work.report.log(warning)
        if held_out is not None:
            advice = "Raise split.validation_days, or set training.watch=loss."
            require_evaluable(work.report.work, held_out, training.watch, advice)
        devices = choose_devices(training.replicas, visible_gpu_count())
        strategy = open_strategy(devices, training.seed, training.threads)
        setup = TrainingSetup(
            replace(work, report=tracker.tap(work.report)),
            plan,
            scratch,
            training_set,
            shards,
            held_out,
            strategy,
            str(devices),
            MicroBatches(scratch, training.micro_batches),
        )
        done = trained(setup)
        outcome = _published(setup, out, done, began)
        for name in ("history.json", "timing.json", "millrace.json"):
            tracker.file(out / name)
    keep_spool(scratch, out)
    return outcome


def effects_stand(work: Work, plan: Plan, manifest: Manifest) -> bool:
    """Send MLflow a training that it has no run of; a missing run is not a reason to train again."""
    from pipelines.shared.tracking.resend import resend_missing
    from pipelines.shared.tracking.tracker import SPOOL

    resend_missing(work, manifest, SPOOL)
    return True


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """The inputs and settings of one try.

    Attributes:
        work: The work.
        plan: Its plan.
        scratch: Folder that outlives a kill.
        training_set: Folder of the published training set.
        shards: Rows to train on.
        held_out: Rows of the validation days; None where none are declared.
        strategy: Strategy over the devices.
        devices: The devices, as text.
        micro_batches: Number of micro-batches of a replica's rows of a step.
        on_epoch: Called with each epoch's number, training loss and metrics; None to skip.
    """

    work: Work
    plan: Plan
    scratch: Path
    training_set: Path
    shards: Any
    held_out: Any
    strategy: Any
    devices: str
    micro_batches: MicroBatches
    on_epoch: Callable[[int, float, dict[str, float]], None] | None = None

    def inputs(self) -> "ModelInputs":
        """The inputs of the network."""
        from pipelines.stages.train.networks import ModelInputs

        return ModelInputs.from_index(
            json.loads((self.training_set / "index.json").read_text())
        )


def trained(setup: TrainingSetup) -> dict[str, Any]:
    """Train, resuming an earlier try, and return the model with its facts.

    Raises:
        OutOfMemoryError: A step ran out of memory; the next try uses smaller micro-batches.
    """
    batch = setup.work.pipeline.training.global_batch_rows
    most = batch // setup.strategy.num_replicas_in_sync
    if reason := setup.micro_batches.double_after_kill(most):
        setup.work.report.log(reason)
    try:
        with setup.micro_batches.attempt():
            return _trained(setup)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        text = str(getattr(error, "message", error)).split("}} ")[-1][:120]
        raise OutOfMemoryError(
            f"{setup.work.report.work}: {setup.devices} ran out of memory with "
            f"training.global_batch_rows={batch} and {setup.micro_batches} a replica ({text}). "
            f"{setup.micro_batches.next_try(most)}"
        ) from error


def _trained(setup: TrainingSetup) -> dict[str, Any]:
    from pipelines.stages.train.cursor import Cursor
    from pipelines.stages.train.divergence import baseline_loss, require_converged
    from pipelines.stages.train.stopping import stop_on_sigterm

    with stop_on_sigterm() as stop:
        run = _assembled(setup, lambda: stop.requested)
        if run.compiles_gradients_only():
            setup.work.report.log(
                f"training.jit: on {setup.devices} XLA compiles each replica's gradients; "
                f"their sum, the clipping and the update are not compiled"
            )
        saved = run.checkpoints.restore()
        if saved is None:
            _start_at_base_rate(setup, run)
        else:
            setup.work.report.log(_resumed(saved, setup.devices))
        start = saved.cursor if saved else Cursor()
        cursor = run.train(start)
    training = setup.work.pipeline.training
    kept_best = bool(cursor.best_epoch) and training.keep_best is not False
    baseline = baseline_loss(run.network, setup.shards, training.class_weights)
    require_converged(setup.work.report.work, cursor, baseline, training, kept_best=kept_best)
    if kept_best:
        run.checkpoints.restore_best(cursor.best_epoch)
    setup.work.report.log(_summary(run, cursor))
    rows = setup.shards.rows * cursor.epoch + cursor.position
    return {
        "model": run.network.model,
        "cursor": cursor,
        "loop_seconds": run.loop_s,
        "rows_per_s": rows * (1 - start.step / max(cursor.step, 1)) / max(run.loop_s, 1e-9),
        "stall": run.stall(),
        "checkpoints": run.checkpoints.saves,
        "checkpoint_copy_s": run.checkpoints.copy_s,
        "checkpoint_write_s": run.checkpoints.write_s,
        "first_step": start.step,
        "lost_steps": saved.lost_steps if saved else 0,
    }


def _assembled(setup: TrainingSetup, stopping: Any) -> "TrainingRun":
    """Make the training run from the declaration."""
    from pipelines.stages.train.batches import Feed
    from pipelines.stages.train.checkpoints import Checkpoints, CheckpointSettings
    from pipelines.stages.train.loop import LoopSettings, TrainingRun
    from pipelines.stages.train.steps import LossScale, Recipe
    from pipelines.stages.train.validation import BATCH_ROWS, EpochValidation

    training, replicas = setup.work.pipeline.training, setup.strategy.num_replicas_in_sync
    pool_bytes = training.pool_mb << 20
    feed = Feed(
        setup.shards,
        training.seed,
        training.global_batch_rows,
        replicas,
        setup.micro_batches.count,
        pool_bytes,
        training.class_weights,
    )
    network = _network(setup, feed)
    validation_batch_rows = max(training.global_batch_rows, BATCH_ROWS)
    scale = None
    if training.precision == "float16":
        with setup.strategy.scope():
            scale = LossScale()
    variables = [*network.model.variables, *network.optimizer.variables]
    return TrainingRun(
        network=network,
        recipe=Recipe(
            clip_norm=training.clip_norm,
            micro_batches=setup.micro_batches.count,
            jit=training.jit,
        ),
        feed=feed,
        settings=LoopSettings(
            epochs=training.epochs,
            checkpoint_every_s=training.checkpoint_every_s,
            checkpoint_every_steps=training.checkpoint_every_steps,
            watch=training.watch,
            patience=training.patience,
            time_limit_s=training.time_limit_s,
        ),
        checkpoints=Checkpoints(
            setup.scratch,
            # `variables`, not `weights`: only the former include the dropout seeds.
            [*variables, *(scale.variables if scale else [])],
            network.model.variables,
            CheckpointSettings(
                digest=setup.plan.digest(),
                devices=setup.devices,
                newest=training.keep_checkpoints,
            ),
        ),
        report=setup.work.report,
        stopping=stopping,
        validation=setup.held_out
        and EpochValidation(
            setup.work.report.work,
            network,
            Feed(setup.held_out, 0, validation_batch_rows, replicas, pool_bytes=pool_bytes),
        ),
        on_epoch=setup.on_epoch,
        loss_scale=scale,
    )


def _network(setup: TrainingSetup, feed: Any) -> "Network":
    import keras

    from pipelines.stages.train.heads import loop_head
    from pipelines.stages.train.network import Network
    from pipelines.stages.train.networks import build_model
    from pipelines.stages.train.optimizers import build_optimizer

    pipeline, training = setup.work.pipeline, setup.work.pipeline.training
    if training.precision != "float32":
        keras.config.set_dtype_policy(f"mixed_{training.precision}")
    with setup.strategy.scope():
        model = build_model(pipeline.model, setup.inputs(), training.seed, pipeline.head)
        optimizer = build_optimizer(training, feed.steps_per_epoch, model.trainable_variables)
    head = loop_head(pipeline.head, training.focal_gamma)
    return Network(setup.strategy, model, head, optimizer)


def _start_at_base_rate(setup: TrainingSetup, run: "TrainingRun") -> None:
    from pipelines.stages.train.base_rate import start_at_base_rate
    from pipelines.stages.train.heads import training_of

    pipeline, training = setup.work.pipeline, setup.work.pipeline.training
    head = training_of(pipeline.head, training.focal_gamma)
    start_at_base_rate(run.network.model, head, setup.shards, training.class_weights)


def _resumed(saved: Any, devices: str) -> str:
    text = (
        f"resumed after step {saved.cursor.step:,} (epoch {saved.cursor.epoch + 1}); "
        f"{saved.lost_steps:,} steps of the previous try were lost"
    )
    if saved.damaged:
        text += f"; skipped as damaged: {', '.join(saved.damaged)}"
    if saved.devices != devices:
        text += f"; it started on {saved.devices}, so the last digits will differ on {devices}"
    return text


def _summary(run: Any, cursor: Any) -> str:
    text = f"trained {cursor.step:,} steps, ended by {cursor.ended}"
    if cursor.best_epoch:
        text += f", best {run.settings.watch} {cursor.best:.4f} in epoch {cursor.best_epoch}"
    if run.validation is None:
        text += ", weights of the last step, as there are no validation days to select an epoch"
    return f"{text}; {run.stall():.1%} of {run.loop_s:.1f} s was spent waiting for input"


def _published(
    setup: TrainingSetup, out: Path, done: dict[str, Any], began: float
) -> StageOutcome:
    from pipelines.stages.train.decide import decision_of
    from pipelines.stages.train.export import VOLATILE, export_model
    from pipelines.stages.train.golden_rows import export_of

    work, cursor, rows = setup.work, done["cursor"], setup.shards.rows
    decision = decision_of(work, setup.training_set, setup.held_out, done["model"])
    speed = export_model(out, export_of(setup, done["model"], decision))
    work.report.metrics(cursor.step, {f"served/{name}": value for name, value in speed.items()})
    work.report.log(
        f"served: {speed['row_ms_median']:.2f} ms a row, {speed['rows_per_s']:,.0f} rows/s in "
        f"batches of {speed['batch_rows']:,.0f}"
    )
    history = {
        "loss": list(cursor.losses) or [cursor.last_loss()],
        "validation": list(cursor.validation) if setup.held_out else [],
        "best_epoch": cursor.best_epoch,
        "ended": cursor.ended,
        "steps": cursor.step,
        "rows": rows,
    }
    (out / "history.json").write_text(json.dumps(history, indent=1) + "\n")
    timing = {
        "devices": setup.devices,
        "micro_batches": setup.micro_batches.count,
        "seconds": time.monotonic() - began,
        **{name: value for name, value in done.items() if name not in {"model", "cursor"}},
    }
    (out / "timing.json").write_text(json.dumps(timing, indent=1) + "\n")
    metrics = {"loss": cursor.last_loss(), "steps": cursor.step}
    metrics["positives"] = setup.shards.positives()
    return StageOutcome(
        rows=rows, metrics=metrics, volatile=(*VOLATILE, "timing.json", "tracking.jsonl")
    )
