"""Days with features and scores in a store, as the stages before publish them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.events import Reporter
from pipelines.core.store import Manifest, Ref, Store, describe_files, digest_of
from pipelines.protocol import Work, perform, stage_named
from pipelines.spec import Label, Subgroup, load

SHIPPED = load("fraud_detection")
DIGEST = "ab" * 32


def small(*, settled_days=3, grain="day", exclude_known=False, head=None, **evaluation):
    """The shipped pipeline with few resamples, and labels after some days."""
    own = {
        "bootstrap_samples": 20,
        "exclude_known": exclude_known,
        "alerts_per_day": 3,
    } | evaluation
    return dataclasses.replace(
        SHIPPED,
        tables=tuple(dataclasses.replace(each, grain=grain) for each in SHIPPED.tables),
        head=head or SHIPPED.head,
        label=Label("tx_fraud", known_after_days=settled_days),
        split=dataclasses.replace(SHIPPED.split, train_days=7, gap_days=3, test_days=2),
        evaluation=dataclasses.replace(SHIPPED.evaluation, **own),
    )


AMOUNTS = (Subgroup(column="tx_amount", cuts=(50.0,)),)


def drawn_rows(pipeline, partition, seed, rows=60, share=0.2, entities=25):
    """Rows of a partition: keys, an amount, the chance of the event, and the label drawn by it."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 0]))
    begins = np.datetime64(pipeline.partitions().start(partition).replace(tzinfo=None), "us")
    chance = draw.beta(1.0, 1.0 / share - 1.0, rows)
    number = pipeline.partitions().number(partition)
    return pa.table(
        {
            "transaction_id": pa.array(number * 100_000 + draw.permutation(rows)),
            "tx_datetime": begins + draw.integers(0, 3600, rows).astype("m8[s]"),
            "customer_id": pa.array(draw.integers(0, entities, rows)),
            "terminal_id": pa.array(draw.integers(0, 9, rows)),
            "tx_amount": draw.gamma(2.0, 30.0, rows),
            "chance": chance,
            "tx_fraud": pa.array((draw.random(rows) < chance).astype(np.int64)),
        }
    )


def scores_of_rows(rows, *, version=1, digest=DIGEST, threshold=0.3, probability=None):
    """Scores in the published format; by default the chance itself."""
    p = np.asarray(rows["chance"] if probability is None else probability, np.float32)
    keys = rows.select(["transaction_id", "tx_datetime", "customer_id", "terminal_id"])
    more = {
        "score": p,
        "probability": p,
        "decision": p.astype(np.float64) >= (2.0 if threshold is None else threshold),
        "model_version": pa.array([version] * len(p), pa.int32()),
        "model_digest": pa.array([digest] * len(p), pa.string()).dictionary_encode(),
    }
    for name, values in more.items():
        keys = keys.append_column(
            name, values if isinstance(values, pa.Array) else pa.array(values)
        )
    return keys


@dataclasses.dataclass
class Book:
    """A store in which days are published and settled."""

    root: Path
    pipeline: object
    group_rows: int = 23

    @property
    def store(self):
        return Store(str(self.root))

    def features(self, partition, rows, inputs=None):
        def write(out):
            pq.write_table(
                rows.drop_columns(["chance"]),
                out / "part-0.parquet",
                row_group_size=self.group_rows,
            )

        return self._publish("features", f"ds={partition}", "featurize", write, inputs, rows)

    def scores(self, partition, scores, *, shadow=None, threshold=0.3, parts=2, key=None):
        def write(out):
            cut = -(-len(scores) // parts)
            for n in range(parts):
                pq.write_table(scores.slice(n * cut, cut), out / f"part-{n:05}.parquet")
            if shadow is not None:
                pq.write_table(shadow, out / "shadow-00000.parquet")
            own = {"version": scores["model_version"][0].as_py() if len(scores) else 1}
            own |= {"digest": scores["model_digest"][0].as_py() if len(scores) else DIGEST}
            challengers = [] if shadow is None else shadow["model_version"].unique().to_pylist()
            others = [
                {"version": n, "digest": f"{n:064}", "threshold": 0.5} for n in challengers
            ]
            facts = {**own, "threshold": threshold, "shadow": others}
            (out / "scores.json").write_text(json.dumps(facts))

        return self._publish("scores", key or f"ds={partition}", "score", write, None, scores)

    def refuse(self, partition):
        """The verdict of a gate that refused a partition."""
        refused = {"verdict": "refused", "reason": "Bad."}

        def write(out):
            (out / "report.json").write_text("{}")

        return self._publish(
            "validated", f"ds={partition}", "validate", write, None, [], refused
        )

    def day(self, partition, seed, **more):
        """Publish features and scores of a partition, and return its rows."""
        rows = drawn_rows(self.pipeline, partition, seed, **more)
        self.features(partition, rows)
        self.scores(partition, scores_of_rows(rows))
        return rows

    def work(self, partition, history_from="2026-01-01"):
        return Work(
            pipeline=self.pipeline,
            store=self.store,
            report=Reporter(f"settle ds={partition}"),
            partition=partition,
            history_from=history_from,
        )

    def settle(self, partition, **more):
        return perform(stage_named("settle"), self.work(partition, **more))

    def settled(self, partition):
        """What a settlement says."""
        manifest = self.store.find(Ref(self.pipeline.name, "settlements", f"ds={partition}"))
        return json.loads((self.store.open(manifest) / "settled.json").read_text())

    def _publish(self, dataset, key, stage, write, inputs, rows, outcome=None):
        ref = Ref(self.pipeline.name, dataset, key)
        values = rows if isinstance(rows, list) else rows.to_pylist()
        seen = digest_of([ref.path(), repr(values), inputs])
        with self.store.staging(ref, seen) as out:
            write(out)
            files = describe_files(out, ())
            manifest = Manifest(
                pipeline=ref.pipeline,
                dataset=dataset,
                key=key,
                stage=stage,
                digest=seen,
                inputs=inputs or {},
                config={},
                code={},
                content=digest_of(files),
                files=files,
                outcome={"rows": len(rows), "verdict": "", "reason": "", "metrics": {}}
                | (outcome or {}),
                made={"seconds": 0.0},
            )
            self.store.publish(out, manifest)
        return manifest
