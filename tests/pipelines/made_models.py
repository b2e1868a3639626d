"""Published training sets and models for the tests of the stages after preprocessing.

Rows follow a known rule with noise, so that a model can learn something and cannot learn all.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.events import Reporter
from pipelines.core.store import Manifest, Store, describe_files, digest_of
from pipelines.operators.bfloat16 import BFLOAT16, narrowed
from pipelines.operators.program import FittedProgram
from pipelines.operators.state import read_program, write_program
from pipelines.protocol import Work, perform, ref_of, stage_named
from pipelines.shared.scoring.decision import write_decision
from pipelines.spec import Chain, load, model_days
from pipelines.spec.heads import head_settings

AS_OF = "2026-03-01"
SHIPPED = load("fraud_detection")
# Standardised columns alone, so that x can be drawn and the feature table follows from it.
FRAUD = dataclasses.replace(
    SHIPPED, features=tuple(f for f in SHIPPED.features if not isinstance(f, Chain))
)


def work_on(
    stage, root, *, pipeline=FRAUD, as_of=AS_OF, options=None, sink=lambda _event: None
):
    """The work of one stage on a store."""
    work = Work(
        pipeline=pipeline,
        store=Store(str(root)),
        report=Reporter(f"{stage} as_of={as_of}", sink),
        as_of=as_of,
        history_from="2026-01-01",
        options=options or {},
    )
    return stage_named(stage), work


def done(stage, root, **more):
    """The result of performing a stage."""
    return perform(*work_on(stage, root, **more))


def seeded(seed, pipeline=FRAUD):
    return dataclasses.replace(
        pipeline, training=dataclasses.replace(pipeline.training, seed=seed)
    )


def publish(root, stage, work, write, *, outcome=None, inputs=None, config=None):
    """Publish an artifact as its stage would, from a function that writes its files."""
    store, ref = Store(str(root)), ref_of(stage_named(stage), work)
    facts = {"rows": 0, "metrics": {}, "verdict": "", "reason": "", "quarantined": {}}
    digest = digest_of([ref.path(), inputs or {}, config or {}])
    with store.staging(ref, digest) as out:
        write(out)
        files = describe_files(out, ("saved_model/", "mlflow_model/"))
        manifest = Manifest(
            pipeline=ref.pipeline,
            dataset=ref.dataset,
            key=ref.key,
            stage=stage,
            digest=digest,
            inputs=inputs or {},
            config=config or {},
            code={},
            content=digest_of([files, outcome or {}]),
            files=files,
            outcome=facts | (outcome or {}),
            made={"seconds": 0.0},
        )
        store.publish(out, manifest)
    return manifest


def publish_training_set(
    root,
    *,
    pipeline=FRAUD,
    as_of=AS_OF,
    rows=400,
    seed=3,
    share=0.08,
    shift=0.0,
    config=None,
    spoil=None,
):
    """A training set of so many rows a day.

    Args:
        config: Settings that its manifest says it was made with.
        spoil: Called with each day's labels and features, to damage them, or to return other labels.
    """
    names, days = pipeline.feature_names(), model_days(pipeline, as_of)
    draw = np.random.Generator(np.random.Philox(key=[seed, 0]))
    rule = np.random.Generator(np.random.Philox(key=[1, 1])).normal(size=len(names))
    mean, deviation = np.arange(len(names)) + shift, np.linspace(1, 3, len(names))
    _, work = work_on("preprocess", root, pipeline=pipeline, as_of=as_of)
    # Drawn before the labels, so that the feature tables can be published first.
    drawn = {
        day: np.random.Generator(np.random.Philox(key=[seed, 1 + n]))
        .normal(size=(rows, len(names)))
        .astype(np.float32)
        for n, day in enumerate(days.all())
    }
    inputs = {"seed": str([seed, shift])}
    for day in (*days.train[:1], *days.test):
        table = publish_features(root, work.on(day), drawn[day] * deviation + mean, names)
        inputs[f"features/ds={day}"] = table.content

    def write(out):
        index, first = {"features": names, "types": {"x": pipeline.x_type}}, 0
        half = pipeline.x_type == BFLOAT16
        for part in ("train", "gap", "test"):
            (out / part).mkdir()
            index[part] = []
            for day in getattr(days, part):
                x = drawn[day].copy()
                chance = draw.normal(size=rows) * 1.5
                y = (x @ rule + chance > np.quantile(x @ rule + chance, 1 - share)).astype(
                    np.float32
                )
                if spoil:
                    changed = spoil(day, x, y)
                    y = y if changed is None else changed
                times = np.datetime64(day, "us") + draw.integers(0, 86_400, rows).astype(
                    "m8[s]"
                )
                keys = {
                    pipeline.table.row_id: np.arange(first, first + rows),
                    pipeline.table.event_time: times,
                    "customer_id": draw.integers(0, rows // 4, rows),
                    "terminal_id": draw.integers(0, 50, rows),
                }
                first += rows
                files = {"y": f"{part}/{day}-y.npy", "keys": f"{part}/{day}-keys.parquet"}
                np.save(out / files["y"], y)
                pq.write_table(pa.table(keys), out / files["keys"])
                if part != "gap":
                    files["x"] = f"{part}/{day}-x.npy"
                    np.save(out / files["x"], narrowed(np, x) if half else x)
                index[part].append({"day": day, "rows": rows, **files})
        (out / "index.json").write_text(json.dumps(index))
        count = len(days.train)
        counts = {"rows": rows * count, "positives": int(rows * share) * count}
        write_fitted(out, pipeline, mean, deviation, **counts)

    return publish(root, "preprocess", work, write, inputs=inputs, config=config)


def write_fitted(out, pipeline, mean, deviation, **counts):
    """What preprocessing learnt: mean and deviation of each feature, ``(n_features,)``."""
    state = {"features": pipeline.feature_names()} | counts
    (out / "state.json").write_text(json.dumps(state))
    fits = zip(mean.tolist(), deviation.tolist(), strict=True)
    fitted = tuple(({"mean": m, "deviation": d},) for m, d in fits)
    write_program(out, FittedProgram(pipeline.program(), fitted))


def scaling_of(folder):
    """Mean and deviation of each feature, of a program that standardises each: ``(n_features,)``."""
    fits = [steps[-1] for steps in read_program(folder).fits]
    return tuple(np.array([fit[name] for fit in fits]) for name in ("mean", "deviation"))


def publish_features(root, work, values, names):
    """A day's feature table with these values, ``(n_rows, n_features)``."""

    def write(out):
        table = pa.table({name: values[:, n] for n, name in enumerate(names)})
        pq.write_table(table, out / "part-0.parquet")

    digest = hashlib.sha256(values.tobytes()).hexdigest()
    return publish(root, "featurize", work, write, inputs={"values": digest})


def publish_model(
    root,
    *,
    pipeline=FRAUD,
    as_of=AS_OF,
    quality=1.0,
    features=None,
    seed=0,
    config=None,
    decision=None,
):
    """A logistic model that knows the rule of the training sets, as well as ``quality`` says.

    Without a decision it is as models were before they had one.
    """
    names = features or pipeline.feature_names()
    pipeline = seeded(seed, pipeline)
    _, work = work_on("train", root, pipeline=pipeline, as_of=as_of)
    training_set = Store(str(root)).find(work.window_ref("training_set"))
    fitted = _reading(read_program(Store(str(root)).open(training_set)), names)

    def write(out):
        rule = np.random.Generator(np.random.Philox(key=[1, 1])).normal(size=len(names))
        noise = np.random.Generator(np.random.Philox(key=[2, 2])).normal(size=len(names))
        kernel = (quality * rule + (1 - quality) * noise).astype(np.float32)[:, None]
        (out / "weights").mkdir()
        np.save(out / "weights/00.npy", kernel)
        np.save(out / "weights/01.npy", np.array([-3.0], np.float32))
        index = [
            {"file": "00.npy", "name": "logit/kernel", "shape": [len(names), 1]},
            {"file": "01.npy", "name": "logit/bias", "shape": [1]},
        ]
        (out / "weights/index.json").write_text(json.dumps(index))
        layer = {"class_name": "Dense", "config": {"name": "logit", "activation": "linear"}}
        (out / "model.json").write_text(json.dumps({"config": {"layers": [layer]}}))
        write_program(out, fitted)
        if decision is not None:
            write_decision(out, decision)
        (out / "history.json").write_text(json.dumps({"loss": [0.5, 0.4], "steps": 20}))
        (out / "mlflow_model").mkdir()
        (out / "mlflow_model/MLmodel").write_text("flavors: {}\n")

    made = [quality, features, *([] if decision is None else [decision])]
    about = {"training_set": training_set.content, "quality": str(made)}
    config = {"head": head_settings(pipeline.head), **(config or {"training": {"seed": seed}})}
    return publish(root, "train", work, write, inputs=about, config=config)


def _reading(fitted, names):
    """The program with other names for the columns that its lines read."""
    pairs = zip(fitted.program.lines, names, strict=True)
    lines = tuple(dataclasses.replace(line, start=n, inputs=(n,)) for line, n in pairs)
    program = dataclasses.replace(
        fitted.program, lines=lines, kinds=dict.fromkeys(names, "number")
    )
    return dataclasses.replace(fitted, program=program)


def weights_of(root, pipeline=FRAUD, as_of=AS_OF):
    """Every weight of the published model, in order."""
    _, work = work_on("train", root, pipeline=pipeline, as_of=as_of)
    folder = Store(str(root)).open(Store(str(root)).find(work.model_ref("models")))
    return [np.load(path) for path in sorted(Path(folder / "weights").glob("*.npy"))]
