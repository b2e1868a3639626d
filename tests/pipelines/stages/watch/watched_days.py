"""Days as the stages before ``watch`` publish them, in their small files alone: a champion, its training days, and
weeks that were scored with it.
"""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.days import days_between, shift
from pipelines.core.store import Manifest, Ref, Store, describe_files, digest_of
from pipelines.protocol import perform
from pipelines.shared.tables.profile import profile_of
from pipelines.spec import Watch, model_days
from tests.pipelines.made_models import FRAUD, work_on

AS_OF, FIRST, LAST = "2026-03-02", "2026-03-02", "2026-04-05"
DAY = shift(LAST, 1)
ROWS, WEEKEND_ROWS, RATE = 600, 150, 0.05
CHAMPION = {"version": 1, "as_of": AS_OF, "seed": "0", "digest": ""}
SHARES = np.array([0.8, 0.1, *[0.01] * 8, *[0.002] * 10])


def put(root, dataset, key, write, *, outcome=None, inputs=None, config=None):
    """Publish an artifact with these files."""
    store, ref = Store(str(root)), Ref(FRAUD.name, dataset, key)
    facts = {"rows": 0, "metrics": {}, "verdict": "", "reason": ""} | (outcome or {})
    with store.staging(ref, digest_of([key, str(outcome), inputs, config])) as out:
        write(out)
        files = describe_files(out, ())
        content = digest_of([files, facts])
        manifest = Manifest(
            pipeline=ref.pipeline,
            dataset=dataset,
            key=key,
            stage="made",
            digest=digest_of([ref.path(), content, inputs, config]),
            inputs=inputs or {},
            config=config or {},
            code={},
            content=content,
            files=files,
            outcome=facts,
            made={"seconds": 0.0},
        )
        store.publish(out, manifest)
    return manifest


def values_of(day, rows=None):
    """Columns of a day: fewer rows and other hours on weekends."""
    nth = int(day.replace("-", ""))
    draw = np.random.Generator(np.random.Philox(key=[nth, 7]))
    weekend = np.datetime64(day, "D").astype(int) % 7 in (2, 3)
    rows = rows or (WEEKEND_ROWS if weekend else ROWS)
    return {
        "tx_amount": draw.lognormal(3, 1, rows),
        "hour": draw.normal(18 if weekend else 9, 2, rows),
        "night": (draw.random(rows) < 0.1).astype(float),
    }


def put_features(root, day, *, change=None, rows=None, rate=RATE):
    """A day's statistics; ``change`` replaces columns."""
    values = values_of(day, rows)
    values |= {name: make(values[name]) for name, make in (change or {}).items()}
    n_rows = len(values["tx_amount"])
    found = {"rows": n_rows, "positives": round(rate * n_rows), "profile": profile_of(values)}

    def write(out):
        (out / "statistics.json").write_text(json.dumps(found))

    return put(root, "features", f"ds={day}", write, outcome={"rows": n_rows})


def put_scores(root, day, champion, *, shares=SHARES):
    """What a day's scores add up to."""
    nth = int(day.replace("-", ""))
    draw = np.random.Generator(np.random.Philox(key=[nth, 8]))
    counts = draw.multinomial(len(values_of(day)["tx_amount"]), shares).tolist()

    def write(out):
        (out / "scores.json").write_text(json.dumps({"histogram": counts, **champion}))

    return put(
        root,
        "scores",
        f"ds={day}",
        write,
        outcome={"rows": sum(counts)},
        config={"model": champion},
    )


def put_settlement(root, day, value=0.7, *, half=0.05, estimate=0.7, version=1):
    """What was learnt when a day was over."""
    metric, about = "average_precision", {"model_version": version, "model_digest": "d"}
    models = [
        about
        | {"metrics": {metric: value}, "intervals": {metric: [value - half, value + half]}}
    ]
    settled = {
        "estimates": [about | {"expected": {metric: estimate}}],
        "matured": [{"partition": shift(day, -7), "models": models}],
    }

    def write(out):
        (out / "settled.json").write_text(json.dumps(settled))

    return put(root, "settlements", f"ds={day}", write, outcome={"rows": 1})


def put_evaluation(root, as_of=AS_OF, verdict="BETTER", shares=SHARES):
    """A model's metrics and its scores on the test days."""
    draw = np.random.Generator(np.random.Philox(key=[1, 9]))
    days = model_days(FRAUD, as_of).test
    score = (draw.choice(20, 300 * len(days), p=shares) + 0.5) / 20
    table = pa.table({"day": np.repeat(days, 300).tolist(), "score": score.astype(np.float32)})
    metric = {"average_precision": 0.7}
    ends = {"average_precision_low": 0.67, "average_precision_high": 0.73}
    return put(
        root,
        "evaluations",
        f"as_of={as_of}/seed=0",
        lambda out: pq.write_table(table, out / "scores.parquet"),
        outcome={"metrics": metric | ends, "verdict": verdict, "reason": "As it was."},
    )


def made_store(root):
    """A champion, its training days, and five weeks of days scored with it, up to ``LAST``."""
    days = model_days(FRAUD, AS_OF)
    features = {day: put_features(root, day) for day in days.train}
    inputs = {f"features/ds={day}": each.content for day, each in features.items()}
    config = {"days": dataclasses.asdict(days)}
    made = put(root, "training_set", f"as_of={AS_OF}", _note, inputs=inputs, config=config)
    model = put(
        root, "models", f"as_of={AS_OF}/seed=0", _note, inputs={"training_set": made.content}
    )
    put_evaluation(root)
    champion = CHAMPION | {"digest": model.digest}
    for day in days_between(FIRST, DAY):
        if day not in days.train:
            put_features(root, day)
        put_scores(root, day, champion)
        put_settlement(root, day)
    return champion


def _note(out):
    (out / "note.txt").write_text("made for a test")


def watched(root, day=DAY, watch=Watch(), **changes):  # noqa: B008
    """The result of watching a day, and what is published of it."""
    pipeline = dataclasses.replace(FRAUD, watch=dataclasses.replace(watch, **changes))
    stage, work = work_on("watch", root, pipeline=pipeline)
    result = perform(stage, work.on(day))
    return result, read(root, day)


def read(root, day=DAY):
    """What is published of a watched day."""
    store = Store(str(root))
    manifest = store.find(Ref(FRAUD.name, "monitoring", f"ds={day}"))
    return json.loads(store.read_file(manifest, "watched.json"))


def alarms(published):
    """Kind, what, and against what of each alarm."""
    return [(each["kind"], each["what"], each["against"]) for each in published["alarms"]]
