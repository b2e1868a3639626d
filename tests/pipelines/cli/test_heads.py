"""Every head, networks over sequences and the user's own, from raw files to a registered model by one command."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.days import days_between
from tests.pipelines.cli.test_usage import millrace

FIRST, LAST, ROWS = "2026-01-01", "2026-01-08", 400
DECLARATION = '''"""Made events with a known rule."""

from pipelines.spec import *

EVENTS = Table(
    name="events",
    row_id="event_id",
    event_time="event_time",
    source=Source(path="ds={{day}}/*.parquet", format="parquet"),
    columns=(
        Column("event_id", "integer", "Names one event.", low=0),
        Column("event_time", "timestamp", "When it happened, UTC."),
        Column("person", "integer", "Whom it happened to.", low=0),
        Column("a", "number", "Measured."),
        Column("b", "number", "Measured."),
        Column("truth", "{kind}", "What is to be predicted."),
    ),
)
PIPELINE = Pipeline(
    name="made",
    title="Made events",
    meaning=__doc__,
    tables=(EVENTS,),
    examples="events",
    entities=(Entity("person", "person"),),
    label=Label("truth", known_after_days=1),
    features=(
        Numeric("a"),
        Numeric("b"),
        Trailing("person", ("count", "mean"), (1, 3), column="a"),
        {sequence}
    ),
    split=Split(train_days=3, gap_days=1, test_days=2),
    head={head},
    model={model},
    training=Training(epochs=6, global_batch_rows=64, learning_rate=0.01),
    evaluation=Evaluation(alert_entity="person", bootstrap_samples=20),
    schedule=Schedule(start="2026-01-01"),
)
'''
SEQUENCE = 'Sequence("person", ("a", "b"), steps=4, within_days=3),'
SLOW = pytest.mark.slow
HEADS = {
    "classes": ("MultiClass(3)", "integer", "accuracy"),
    "amount": ("Regression(center=10.0, scale=3.0)", "number", "rmse"),
    "grades": ("Ordinal(3)", "integer", "rank_mae"),
    "times": ("Survival((1.0, 3.0, 9.0))", "number", "concordance"),
    "event": ("Binary()", "flag", "auc"),
}
NETWORKS = {
    "dense": "Model(hidden=(16,), dropout=0.0)",
    "cross": "DeepCross(hidden=(16,), dropout=0.0)",
    "gru": "Recurrent(units=8, hidden=(16,), dropout=0.0)",
    "attention": "Transformer(width=8, heads=2, blocks=1, hidden=(16,), dropout=0.0)",
    "own": 'Builder(".network.build", (("units", 16),))',
}
OWN = '''"""A network of the user's own."""

import keras


def build(inputs, seed, units):
    """One layer over the features, its width a setting."""
    start = keras.initializers.GlorotUniform(seed=seed)
    layer = keras.layers.Dense(units, "tanh", kernel_initializer=start, name="own")
    return layer(inputs["x"])
'''


def truth(kind, z, draw):
    """The label, from a hidden value that ``a`` and ``b`` determine up to noise."""
    if kind in {"classes", "grades"}:
        return np.digitize(z, (-0.7, 0.7))
    if kind == "amount":
        return 10 + 3 * z
    if kind == "event":
        return (z > 1).astype(int)
    happens, seen = np.exp(1 - z), draw.exponential(6.0, len(z)) + 0.1
    return np.where(happens <= seen, happens, -seen)


def write_days(folder, kind):
    for number, day in enumerate(days_between(FIRST, LAST)):
        draw = np.random.default_rng([7, number])
        a, b = draw.normal(size=(2, ROWS))
        z = a + 0.5 * b + 0.3 * draw.normal(size=ROWS)
        below = folder / f"ds={day}"
        below.mkdir(parents=True)
        seconds = np.sort(draw.integers(0, 86_400, ROWS)).astype("m8[s]")
        columns = {
            "event_id": np.arange(ROWS) + number * ROWS,
            "event_time": pa.array(np.datetime64(day, "us") + seconds),
            "person": draw.integers(0, 60, ROWS),
            "a": a,
            "b": b,
            "truth": truth(kind, z, draw),
        }
        pq.write_table(pa.table(columns), below / "part-0.parquet")


def blind(kind, labels):
    """What the best prediction that looks at no feature comes to, and whether more is better."""
    if kind == "classes":
        return np.bincount(labels.astype(int)).max() / len(labels), True
    if kind == "amount":
        return labels.std(), False
    if kind == "grades":
        return np.abs(labels - np.median(labels)).mean(), False
    return 0.5, True


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("times", "attention"),
        pytest.param("times", "own", marks=SLOW),
        pytest.param("classes", "dense", marks=SLOW),
        pytest.param("amount", "gru", marks=SLOW),
        pytest.param("grades", "cross", marks=SLOW),
        pytest.param("event", "gru", marks=SLOW),
        pytest.param("event", "attention", marks=SLOW),
    ],
)
def test_a_head_and_a_network_go_from_raw_files_to_a_registered_model(kind, network, tmp_path):
    head, column, metric = HEADS[kind]
    package = tmp_path / "pipelines" / "made"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "network.py").write_text(OWN)
    sequence = SEQUENCE if network in {"gru", "attention"} else ""
    (package / "declaration.py").write_text(
        DECLARATION.format(head=head, kind=column, model=NETWORKS[network], sequence=sequence)
    )
    write_days(tmp_path / "source", kind)
    ended = millrace(
        *("run", "made", "--source", tmp_path / "source", "--store", tmp_path / "store"),
        *("--from", FIRST, "--to", LAST, "--json"),
        cwd=tmp_path,
        MILLRACE_PIPELINES=str(tmp_path / "pipelines"),
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert "no improvement" not in ended.stderr
    summary = json.loads(ended.stdout.splitlines()[-1])
    assert summary["verdict"] == "BETTER", summary["reason"]
    assert summary["registered"]
    evaluation = next((tmp_path / "store/made/evaluations").glob("as_of=*/seed=0/*/"))
    labels = pq.read_table(evaluation / "scores.parquet")["label"].to_numpy()
    assert len(labels) == 2 * ROWS
    least, more = blind(kind, labels)
    reached = summary["metrics"][metric]
    assert reached > least * 1.2 if more else reached < least * 0.8
    model = next((tmp_path / "store/made/models").glob("as_of=*/seed=0/*/"))
    assert ('"own' in (model / "model.json").read_text()) == (network == "own")
    card = (evaluation / "model_card.html").read_text()
    assert "rows a second" in card
