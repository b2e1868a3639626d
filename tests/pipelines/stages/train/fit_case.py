"""What ``model.fit`` and its surroundings do where docs/training.md says they go wrong.

Called with a JSON list of case names; prints one JSON line for each. TensorFlow is imported once;
each case is forked before it does anything, because a failed strategy breaks the next.
"""

import json
import os
import sys
import tempfile
import traceback

import numpy as np

ROWS, BATCH, COLUMNS = 64 * 3 + 5, 64, 6


def rows_of():
    draw = np.random.Generator(np.random.Philox(key=[5, 5]))
    x = draw.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    return x, (x[:, :1] + draw.normal(size=(ROWS, 1)) > 0.5).astype(np.float32)


def mirrored(safe=True):
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    ops = tf.distribute.ReductionToOneDevice() if safe else None
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=ops)


def dense(keras, strategy, optimizer, **compiled):
    keras.utils.set_random_seed(1)
    with strategy.scope():
        layers = [keras.Input((COLUMNS,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(optimizer(), loss, **compiled)
    return model


def fitted(strategy, optimizer, rows=ROWS, **compiled):
    import keras
    import tensorflow as tf

    x, y = rows_of()
    model = dense(keras, strategy, optimizer, **compiled)
    model.fit(tf.data.Dataset.from_tensor_slices((x[:rows], y[:rows])).batch(BATCH), verbose=0)
    return model.get_weights()


def against_one_device(optimizer, rows):
    import tensorflow as tf

    two = fitted(mirrored(), optimizer, rows)
    one = fitted(tf.distribute.get_strategy(), optimizer, rows)
    return {
        "difference": float(max(np.abs(a - b).max() for a, b in zip(one, two, strict=True)))
    }


def even_batches():
    import keras

    return against_one_device(lambda: keras.optimizers.SGD(0.5), ROWS // BATCH * BATCH)


def uneven_batch():
    import keras

    return against_one_device(lambda: keras.optimizers.SGD(0.5), ROWS)


def clipping():
    import keras

    made = lambda: keras.optimizers.SGD(0.5, global_clipnorm=0.05)  # noqa: E731  built in a scope
    return against_one_device(made, ROWS // BATCH * BATCH)


def accumulation():
    import keras

    made = lambda: keras.optimizers.SGD(0.5, gradient_accumulation_steps=2)  # noqa: E731
    return fitted(mirrored(), made) and {}


def several_steps_a_call():
    import keras

    made = lambda: keras.optimizers.SGD(0.5)  # noqa: E731
    return fitted(mirrored(safe=False), made, steps_per_execution=4) and {}


def compiled_by_xla():
    import keras

    made = lambda: keras.optimizers.SGD(0.5)  # noqa: E731
    return fitted(mirrored(), made, ROWS // BATCH * BATCH, jit_compile=True) and {}


def generator():
    import keras

    x, y = rows_of()
    model = dense(keras, mirrored(), lambda: keras.optimizers.SGD(0.5))
    model.fit(((x[n : n + 16], y[n : n + 16]) for n in range(0, 64, 16)), verbose=0)
    return {"batches": 4, "steps": int(model.optimizer.iterations.numpy())}


def repeated_ids():
    """One row of a table, hit twice by the gradient 1: Adam's second moment is of (1 + 1)²."""
    import keras

    table = keras.Sequential(
        [keras.Input((2,), dtype="int32"), keras.layers.Embedding(3, 1, name="table")]
    )
    table.compile(keras.optimizers.Adam(0.1), loss=lambda y, out: out)
    table.fit(np.zeros((1, 2), np.int32), np.zeros((1, 2)), verbose=0)
    moment = next(v for v in table.optimizer.variables if "velocity" in v.path)
    # fit averages over the two positions: each copy has a gradient of one half.
    return {"second_moment": float(moment.numpy()[0, 0]), "right": 0.001 * (0.5 + 0.5) ** 2}


def dropout_seed():
    """A checkpoint of model and optimiser, read back whole by its own account."""
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5, seed=1)])
    seed = next(v for v in model.variables if "seed" in v.path)
    kept = tf.train.Checkpoint(model=model, optimizer=keras.optimizers.SGD())
    with tempfile.TemporaryDirectory() as folder:
        path = kept.write(f"{folder}/kept")
        before = seed.numpy().tolist()
        model(np.ones((2, 3), np.float32), training=True)
        kept.read(path).assert_consumed()
    return {"saved": before, "restored": seed.numpy().tolist()}


def two_hundred_thresholds():
    """Scores as those of rare events, small and close together."""
    import keras

    draw = np.random.Generator(np.random.Philox(key=[2, 2]))
    y = draw.random(20_000) < 0.008
    logits = (draw.normal(size=len(y)) * 0.7 - 6 + 1.5 * y).astype(np.float32)
    metric = keras.metrics.AUC()
    metric.update_state(y.astype(np.float32), 1 / (1 + np.exp(-logits)))
    order = np.argsort(logits)
    rank = np.empty(len(y))
    rank[order] = np.arange(1, len(y) + 1)
    events = y.sum()
    exact = (rank[y].sum() - events * (events + 1) / 2) / (events * (len(y) - events))
    from pipelines.stages.train.ranking_metrics import ScoreHistogram

    ours = ScoreHistogram()
    ours.add(y.astype(np.float32), logits)
    value, bound = ours.auc()
    return {"exact": exact, "keras": float(metric.result()), "ours": value, "bound": bound}


CASES = {
    case.__name__: case
    for case in (
        even_batches,
        uneven_batch,
        clipping,
        accumulation,
        several_steps_a_call,
        compiled_by_xla,
        generator,
        repeated_ids,
        dropout_seed,
        two_hundred_thresholds,
    )
}


def result_of(name):
    try:
        return CASES[name]()
    except Exception as error:
        return {
            "error": f"{type(error).__name__}: {error}",
            "trace": traceback.format_exc()[-600:],
        }


def main():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    for name in json.loads(sys.argv[1]):
        reading, writing = os.pipe()
        if not os.fork():
            os.write(writing, json.dumps(result_of(name)).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            print(file.read() or json.dumps({"error": "the case died"}), flush=True)
        os.wait()


main()
