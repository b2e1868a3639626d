"""Stage ``train``: a network from a training set, resumed where a kill left it.

Why: training is the long stage; a retry must not begin anew.
Promise: the artifact's weights depend on the training set, the declared network and training,
    and the number of devices, never on kills, checkpoints or time.
Not here: the arithmetic (``loop.py``), the devices (``devices.py``).
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.errors import OutOfMemoryError, TrainingError
from pipelines.stages import Outcome, Plan, Work, code_digests


def plan(work: Work) -> Plan:
    """The training set's content, the network, and how it is trained."""
    manifest = work.need(work.window_ref("training_set"), "preprocess")
    training = asdict(work.pipeline.training)
    del training["checkpoint_every_s"]  # changes when state is kept, not what comes out
    return Plan(
        inputs={"training_set": manifest.content},
        config={"model": asdict(work.pipeline.model), "training": training},
        code=code_digests("pipelines.training"),
    )


def run(work: Work, plan: Plan, out: Path) -> Outcome:
    """Train, and write every form of the model.

    Raises:
        TrainingError: One class only, or a loss that is not a number.
        StageStoppedError: SIGTERM; a checkpoint was written first.
        OutOfMemoryError: A device's memory is too small for a step.
    """
    from pipelines.training.batches import open_shards
    from pipelines.training.devices import choose_devices, open_strategy, visible_gpu_count

    began = time.monotonic()
    training_set = work.store.open(work.need(work.window_ref("training_set"), "preprocess"))
    shards = open_shards(training_set)
    _require_two_classes(work, shards.positives(), shards.rows)
    training = work.pipeline.training
    devices = choose_devices(training.replicas, visible_gpu_count())
    strategy = open_strategy(devices, training.seed)

    import tensorflow as tf

    try:
        done = _trained(work, plan, shards, strategy, str(devices))
    except tf.errors.ResourceExhaustedError as error:
        raise OutOfMemoryError(
            f"{work.report.work}: {devices} ran out of memory with training.global_batch_rows="
            f"{training.global_batch_rows} ({error.message.split('}} ')[-1][:120]}). Halve it if a retry fails too."
        ) from error
    return _published(work, out, training_set, done, {"began": began, "devices": str(devices)})


def _require_two_classes(work: Work, positives: int, rows: int) -> None:
    if rows == 0 or positives in {0, rows}:
        raise TrainingError(
            f"{work.report.work}: {positives} of {rows} training rows have label 1. Both classes "
            f"are needed: widen split.train_days, or check the label column."
        )


def _trained(
    work: Work, plan: Plan, shards: Any, strategy: Any, devices: str
) -> dict[str, Any]:
    from pipelines.training.batches import Cursor, Feed
    from pipelines.training.checkpoints import Checkpoints
    from pipelines.training.loop import Course, Network, train
    from pipelines.training.model import build_model, build_optimizer
    from pipelines.training.stopping import stop_on_sigterm

    training = work.pipeline.training
    feed = Feed(
        shards, training.seed, training.global_batch_rows, strategy.num_replicas_in_sync
    )
    with strategy.scope():
        model = build_model(work.pipeline.model, shards.n_features, training.seed)
        optimizer = build_optimizer(training.learning_rate)
        optimizer.build(model.trainable_variables)
    scratch = work.scratch(plan, work.model_ref("models"))
    checkpoints = Checkpoints(scratch, model, optimizer, devices)
    saved = checkpoints.restore()
    if saved is not None:
        work.report.log(_resumed(saved, devices))
    course = Course(
        epochs=training.epochs,
        clip_norm=training.clip_norm,
        checkpoint_every_s=training.checkpoint_every_s,
    )
    start, began = saved.cursor if saved else Cursor(), time.monotonic()
    network = Network(strategy, model, optimizer)
    with stop_on_sigterm() as stop:
        cursor = train(
            network, feed, course, checkpoints, start, work.report, lambda: stop.requested
        )
    seconds = time.monotonic() - began
    rows = shards.rows * training.epochs
    return {
        "model": model,
        "cursor": cursor,
        "rows": shards.rows,
        "positives": shards.positives(),
        "loop_seconds": seconds,
        "rows_per_s": rows * (cursor.step - start.step) / max(cursor.step, 1) / seconds,
        "first_step": start.step,
        "lost_steps": saved.lost_steps if saved else 0,
    }


def _resumed(saved: Any, devices: str) -> str:
    text = (
        f"resumed after step {saved.cursor.step:,} (epoch {saved.cursor.epoch + 1}); "
        f"{saved.lost_steps:,} steps of the try before were lost"
    )
    if saved.devices != devices:
        text += f"; it began on {saved.devices}, so the last digits will differ on {devices}"
    return text


def _published(
    work: Work, out: Path, training_set: Path, done: dict[str, Any], about: dict[str, Any]
) -> Outcome:
    from pipelines.training.export import VOLATILE, export_model

    state = json.loads((training_set / "state.json").read_text())
    scaler = {name: state[name] for name in ("features", "mean", "deviation")}
    cursor, seed = done["cursor"], work.pipeline.training.seed
    facts = {"pipeline": work.pipeline.name, "as_of": work.model_day, "seed": seed}
    export_model(out, done["model"], scaler, facts)
    history = {"loss": list(cursor.losses), "steps": cursor.step, "rows": done["rows"]}
    (out / "history.json").write_text(json.dumps(history, indent=1) + "\n")
    timing = {
        "devices": about["devices"],
        "seconds": time.monotonic() - about["began"],
        **{k: done[k] for k in ("loop_seconds", "rows_per_s", "first_step", "lost_steps")},
    }
    (out / "timing.json").write_text(json.dumps(timing, indent=1) + "\n")
    metrics = {"loss": cursor.losses[-1], "steps": cursor.step, "positives": done["positives"]}
    return Outcome(rows=done["rows"], metrics=metrics, volatile=(*VOLATILE, "timing.json"))
