"""A published training set, features and model of times, whose rule is known, for tests of the whole evaluation.

Patients of two hospitals have an event whose hazard rises with age and a marker; some die before, some are lost from
sight. The model knows the rule as well as ``quality`` says.
"""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.spec import (
    Column,
    CoxBaseline,
    Entity,
    Evaluation,
    Gates,
    Label,
    Numeric,
    Pipeline,
    Schedule,
    Source,
    Split,
    Standardise,
    Subgroup,
    Survival,
    Table,
    model_days,
)
from pipelines.spec.heads import head_settings
from tests.pipelines.made_models import publish, work_on, write_fitted

CUTS = (100.0, 200.0, 300.0)
HAZARDS = np.array([-3.2, -3.0, -2.8])
RULE = np.array([0.9, -0.7])
MEAN, DEVIATION = np.array([60.0, 5.0]), np.array([12.0, 2.0])
VISITS = Table(
    name="visits",
    row_id="visit_id",
    event_time="seen",
    source=Source(path="{day}.csv", format="csv"),
    columns=(
        Column("visit_id", "text"),
        Column("patient_id", "text"),
        Column("hospital", "text"),
        Column("seen", "timestamp"),
        Column("age", "number", nullable=True),
        Column("marker", "number", nullable=True),
        Column("days", "number", "Days to the event."),
    ),
)
PIPELINE = Pipeline(
    name="made_times",
    title="Time to an event",
    tables=(VISITS,),
    examples="visits",
    entities=(Entity("patient", "patient_id"), Entity("hospital", "hospital")),
    label=Label("days", known_after_days=0),
    features=(Numeric("age") >> Standardise(), Numeric("marker") >> Standardise()),
    split=Split(train_days=3, gap_days=0, test_days=2),
    head=Survival(CUTS, competing=True),
    evaluation=Evaluation(
        alert_entity="patient",
        bootstrap_samples=20,
        horizons_days=(200.0, 300.0),
        subgroups=(Subgroup("age", cuts=(50.0, 70.0)), Subgroup("hospital")),
        baseline=CoxBaseline(inputs=("age",)),
    ),
    gates=Gates(limits=(("concordance", 0.55),)),
    schedule=Schedule(start="2026-01-01"),
)
CENSORED_ONLY = replace(PIPELINE, head=Survival(CUTS))


def outputs_of(x, quality=1.0):
    """Logits of the event and of the competing event, ``(n_rows, 6)``."""
    return np.column_stack(
        [HAZARDS + quality * (x @ RULE)[:, None], np.tile([-4.0] * 3, (len(x), 1))]
    )


def drawn_rows(draw, rows):
    """Inputs, signed days and whether a competing event ended each row."""
    x = draw.normal(size=(rows, 2))
    event, other = (np.exp(z) for z in (outputs_of(x)[:, :3], outputs_of(x)[:, 3:]))
    total = 1 + event + other
    kind, days = np.zeros(rows, int), np.full(rows, CUTS[-1])
    for n, cut in reversed([*enumerate(CUTS)]):
        chance = draw.random(rows)
        now = np.where(chance < event[:, n] / total[:, n], 1, 0)
        now[(now == 0) & (chance > 1 - other[:, n] / total[:, n])] = 2
        days[now > 0], kind[now > 0] = (
            cut - np.ceil(draw.random((now > 0).sum()) * 99),
            now[now > 0],
        )
    lost = np.ceil(draw.exponential(500, rows))
    kind[lost < days], days = 0, np.minimum(lost, days)
    return x, np.where(kind == 1, days, -days), kind == 2


def publish_times(
    root, pipeline=PIPELINE, *, rows=300, quality=1.0, seed=1, spoil=None, kept=1.0
):
    """Publish features, a training set with a share of their rows, and a model; returns its manifest."""
    days, draw = model_days(pipeline, "2026-03-01"), np.random.default_rng(seed)
    _, work = work_on("preprocess", root, pipeline=pipeline)
    tables, inputs = {}, {}
    for day in (*days.train, *days.test):
        x, label, died = drawn_rows(draw, rows)
        patient = draw.integers(0, rows // 2, rows)
        values = x * DEVIATION + MEAN
        keys = {
            "visit_id": [f"{day}-{n}" for n in range(rows)],
            "seen": np.datetime64(day, "us") + draw.integers(0, 86_400, rows).astype("m8[s]"),
            "patient_id": [f"patient {n}" for n in patient],
            "hospital": np.where(patient % 3 > 0, "north", "south"),
        }
        if spoil:
            spoil(day, values, label, keys)
        chosen = np.sort(np.random.default_rng(rows).permutation(rows)[: int(kept * rows)])
        kept_keys = {name: np.asarray(values)[chosen] for name, values in keys.items()}
        tables[day] = x[chosen].astype(np.float32), label[chosen], died[chosen], kept_keys
        inputs[f"features/ds={day}"] = _features(root, work.on(day), values, keys).content
    _training_set(root, pipeline, work, days, tables, inputs)
    return _model(root, pipeline, quality)


def _features(root, work, values, keys):
    def write(out):
        table = pa.table(keys | {"age": values[:, 0], "marker": values[:, 1]})
        pq.write_table(table, out / "part-0.parquet")

    return publish(root, "featurize", work, write, inputs={"values": str(values.sum())})


def _training_set(root, pipeline, work, days, tables, inputs):
    def write(out):
        index = {"features": pipeline.feature_names(), "types": {"x": "float32"}, "gap": []}
        for part in ("train", "test"):
            (out / part).mkdir()
            index[part] = []
            for day in getattr(days, part):
                x, label, died, keys = tables[day]
                y = np.column_stack([label, died]) if pipeline.head.competing else label
                files = {n: f"{part}/{day}-{n}.npy" for n in ("x", "y")}
                np.save(out / files["x"], x)
                np.save(out / files["y"], y.astype(np.float32))
                files["keys"] = f"{part}/{day}-keys.parquet"
                pq.write_table(pa.table(keys), out / files["keys"])
                index[part].append({"day": day, "rows": len(x), **files})
        (out / "index.json").write_text(json.dumps(index))
        write_fitted(out, pipeline, MEAN, DEVIATION, rows=len(days.train), positives=0)

    return publish(root, "preprocess", work, write, inputs=inputs)


def _model(root, pipeline, quality):
    _, work = work_on("train", root, pipeline=pipeline)
    training_set = work.find(work.window_ref("training_set"))

    def write(out):
        n = pipeline.head.outputs()
        kernel = np.zeros((2, n), np.float32)
        kernel[:, :3] = quality * RULE[:, None]
        bias = np.append(HAZARDS, [-4.0] * 3)[:n].astype(np.float32)
        (out / "weights").mkdir()
        np.save(out / "weights/00.npy", kernel)
        np.save(out / "weights/01.npy", bias)
        index = [
            {"file": "00.npy", "name": "logit/kernel", "shape": [2, n]},
            {"file": "01.npy", "name": "logit/bias", "shape": [n]},
        ]
        (out / "weights/index.json").write_text(json.dumps(index))
        layer = {"class_name": "Dense", "config": {"name": "logit", "activation": "linear"}}
        (out / "model.json").write_text(json.dumps({"config": {"layers": [layer]}}))
        write_fitted(out, pipeline, MEAN, DEVIATION)
        (out / "history.json").write_text(json.dumps({"loss": [0.5, 0.4], "steps": 20}))

    about = {"training_set": training_set.content, "quality": str(quality)}
    config = {"head": head_settings(pipeline.head), "training": {"seed": 0}}
    return publish(root, "train", work, write, inputs=about, config=config)
