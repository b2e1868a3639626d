"""Days with features, models of them, and a registry that says who was the champion when, in a store of a test.

The registry is the part of MLflow's tables that is read; promoting for real is what the tests of ``promote`` do.
"""

import hashlib
import json
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.store import Ref, Store
from pipelines.protocol import perform, stage_named
from pipelines.shared.scoring.decision import Calibration, Decision, write_decision
from pipelines.spec.heads import head_settings
from tests.pipelines.made_models import FRAUD, publish, seeded, work_on, write_fitted

DAY, NEXT = "2026-03-01", "2026-03-02"
EARLY, LATE = "2026-02-01", "2026-03-01"
NAMES = FRAUD.feature_names()

TABLES = """
CREATE TABLE registered_model_aliases (name TEXT, alias TEXT, version INTEGER);
CREATE TABLE registered_model_tags (name TEXT, key TEXT, value TEXT);
CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, current_stage TEXT);
CREATE TABLE model_version_tags (name TEXT, version INTEGER, key TEXT, value TEXT);
"""


def publish_day(root, day=DAY, rows=300, *, seed=1, group=None, refused=False, spoil=None):
    """A validated day and its features, so many rows to a row group."""
    _, work = work_on("featurize", root)
    verdict = {"verdict": "refused" if refused else "accepted", "reason": "Too few rows."}
    content = f"{day} {rows} {seed}"
    validated = publish(
        root,
        "validate",
        work.on(day),
        lambda out: (out / "part-0.parquet").write_text(content),
        outcome=verdict,
        inputs={"ingested": content},
    )
    if refused:
        return None
    table = features(day, rows, seed)
    if spoil:
        table = spoil(table)

    def write(out):
        pq.write_table(table, out / "part-0.parquet", row_group_size=group or max(rows, 1))

    key = hashlib.sha256(f"{content}{group}{table.schema}".encode()).hexdigest()
    inputs = {f"validated/ds={day}": validated.content}
    return publish(
        root,
        "featurize",
        work.on(day),
        write,
        outcome={"rows": rows},
        inputs=inputs,
        config={"made": key},
    )


def features(day, rows, seed=1):
    """A feature table with its keys."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 1]))
    times = np.datetime64(day, "us") + draw.integers(0, 86_400, rows).astype("m8[s]")
    keys = {
        FRAUD.table.row_id: np.arange(rows) + 10,
        FRAUD.table.event_time: times,
        "customer_id": draw.integers(0, 50, rows),
        "terminal_id": draw.integers(0, 9, rows),
    }
    values = {name: draw.normal(size=rows) for name in NAMES}
    return pa.table(keys | values)


def publish_dense(
    root, *, as_of=EARLY, seed=0, units=8, decision=None, features=NAMES, head=FRAUD.head
):
    """A network of one hidden layer behind a standardisation, as ``train`` publishes it."""
    pipeline = seeded(seed)
    _, work = work_on("train", root, pipeline=pipeline, as_of=as_of)
    draw = np.random.Generator(np.random.Philox(key=[seed, units]))
    kernels = [
        draw.normal(size=(len(features), units)),
        draw.normal(size=(units, head.outputs())) / units,
    ]
    layers = [("hidden", "relu"), ("logit", "linear")]

    def write(out):
        (out / "weights").mkdir()
        index = []
        for (name, _), kernel in zip(layers, kernels, strict=True):
            for part, values in (("kernel", kernel), ("bias", np.full(kernel.shape[1], -0.1))):
                file = f"{len(index):02d}.npy"
                np.save(out / "weights" / file, values.astype(np.float32))
                index.append({"file": file, "name": f"{name}/{part}"})
        (out / "weights/index.json").write_text(json.dumps(index))
        config = [
            {"class_name": "Dense", "config": {"name": n, "activation": a}} for n, a in layers
        ]
        (out / "model.json").write_text(json.dumps({"config": {"layers": config}}))
        write_fitted(out, FRAUD, np.linspace(-1, 1, len(NAMES)), np.linspace(1, 2, len(NAMES)))
        if decision is not None:
            write_decision(out, decision)

    config = {"head": head_settings(head), "training": {"seed": seed}}
    inputs = {"made": str([units, str(decision), str(head)])}
    return publish(root, "train", work, write, inputs=inputs, config=config)


ALERTING = Decision(Calibration("platt", slope=1.5, intercept=0.2), 0.6, "declared")
WITHOUT_ALERTS = Decision(ALERTING.calibration, 1.0, "declared")


def register(root, *models, champions=(1,)):
    """A registry of these models, numbered from 1 on, and of who was champion, in order."""
    with closing(sqlite3.connect(root / "mlflow.db")) as db:
        if not db.execute("SELECT name FROM sqlite_master").fetchall():
            db.executescript(TABLES)
        for table in ("aliases", "tags"):
            db.execute(f"DELETE FROM registered_model_{table}")
        db.execute("DELETE FROM model_versions")
        db.execute("DELETE FROM model_version_tags")
        name = FRAUD.name
        for number, model in enumerate(models, start=1):
            db.execute(
                "INSERT INTO model_versions VALUES (?, ?, ?, ?)",
                (name, number, f"file://{root}", None),
            )
            as_of, seed = (part.partition("=")[2] for part in model.key.split("/"))
            tags = {
                "as_of": as_of,
                "seed": seed,
                "digest": model.digest,
                "content": model.content,
            }
            for key, value in tags.items():
                db.execute(
                    "INSERT INTO model_version_tags VALUES (?, ?, ?, ?)",
                    (name, number, key, value),
                )
        if champions:
            db.execute(
                "INSERT INTO registered_model_aliases VALUES (?, 'champion', ?)",
                (name, champions[-1]),
            )
            text = ",".join(map(str, champions))
            db.execute(
                "INSERT INTO registered_model_tags VALUES (?, 'champions', ?)", (name, text)
            )
        db.commit()


def scored(root, day=DAY, pipeline=FRAUD, **options):
    """The result of scoring a day."""
    _, work = work_on("score", root, pipeline=pipeline, options=options)
    return perform(stage_named("score"), work.on(day))


def folder_of(root, result):
    """Where the files of a result are."""
    store = Store(str(root))
    return store.open(store.find(Ref(FRAUD.name, "scores", result["key"])))


def rows_of(root, result, pattern="part-*.parquet"):
    """The published rows of a result."""
    parts = sorted(folder_of(root, result).glob(pattern))
    return pa.concat_tables([pq.read_table(part) for part in parts])


def summary_of(root, result):
    """Its ``scores.json``."""
    return json.loads((folder_of(root, result) / "scores.json").read_text())
