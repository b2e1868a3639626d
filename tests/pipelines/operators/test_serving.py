import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.operators.bfloat16 import narrowed, rounded_graph, widened
from pipelines.operators.serving import serving_signature, serving_transform
from pipelines.operators.values import NULL_WHOLE
from tests.pipelines.operators.rows import (
    EVENTS,
    FLAGS,
    LENGTH,
    PROGRAM,
    VISITS,
    VISITS_LENGTH,
    columns_of,
    drawn,
    fitted_on,
)

FITTED = fitted_on([drawn(300, seed=1), drawn(200, seed=2)])
NULLS = {"number": np.nan, "integer": NULL_WHOLE, "text": ""}
TENSORS = {
    "number": np.float64,
    "integer": np.int64,
    "text": np.object_,
    "block": np.float32,
    "length": np.int32,
}
WHOLE = st.integers(-(2**63), 2**63 - 1)
ROW = st.fixed_dictionaries(
    {
        "amount": st.none() | st.floats(allow_subnormal=False),
        "balance": st.none() | st.floats(allow_subnormal=False),
        "hour": st.none() | st.floats(0, 24, allow_subnormal=False),
        "merchant": st.none() | st.text(max_size=12) | st.sampled_from(["books", "fuel"]),
        "shop": st.none() | WHOLE | st.integers(0, 60),
        EVENTS: st.lists(st.floats(width=32, allow_subnormal=False), min_size=6, max_size=6),
        LENGTH: st.integers(0, 3),
        VISITS: st.lists(st.floats(width=32, allow_subnormal=False), min_size=15, max_size=15),
        VISITS_LENGTH: st.integers(0, 3),
    }
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The graph as a stranger loads it: saved, and read back without our code."""
    tf = pytest.importorskip("tensorflow")
    module = tf.Module()
    module.transform = serving_transform(tf, FITTED)
    call = tf.function(
        lambda **columns: module.transform(columns),
        input_signature=None,
    ).get_concrete_function(**serving_signature(tf, FITTED))
    folder = str(tmp_path_factory.mktemp("saved"))
    tf.saved_model.save(module, folder, signatures={"transform": call})
    loaded = tf.saved_model.load(folder)

    def serve(rows):
        columns = {
            name: tf.constant(
                np.array(
                    [NULLS.get(kind) if row[name] is None else row[name] for row in rows],
                    TENSORS[kind],
                )
            )
            for name, kind in PROGRAM.kinds.items()
        }
        return {n: t.numpy() for n, t in loaded.signatures["transform"](**columns).items()}

    return serve


def assert_same(served, rows):
    found, ours = served(rows), FITTED.transform(np, columns_of(rows))
    assert found.keys() == ours.keys() == {"x", "ids", EVENTS, LENGTH, VISITS, VISITS_LENGTH}
    for name in ("ids", LENGTH, VISITS_LENGTH):
        np.testing.assert_array_equal(found[name], ours[name])
    for name in ("x", EVENTS, VISITS):
        assert found[name].dtype == ours[name].dtype == np.float32
        off = np.abs(found[name].astype(np.float64) - ours[name].astype(np.float64))
        with np.errstate(over="ignore"):  # the largest float32 has no next one
            allowed = np.maximum(np.abs(np.spacing(ours[name])), 1e-12)
        assert (off <= allowed).all(), (found[name][off > allowed], ours[name][off > allowed])


def test_the_saved_graph_gives_the_inputs_that_training_saw(served):
    assert_same(served, drawn(2_000, seed=3))


@given(rows=st.lists(ROW, min_size=1, max_size=20))
@settings(max_examples=60)
def test_the_saved_graph_equals_the_transform_on_any_rows(served, rows):
    assert_same(served, rows)


def test_flags_of_a_visit_stay_and_what_was_not_measured_is_the_mean_beside_its_flag(served):
    rows = drawn(300, seed=4)
    found = served(rows)
    given = np.array([row[VISITS] for row in rows]).reshape(-1, 3, 5)
    present = np.arange(3) < found[VISITS_LENGTH][:, None]
    for nth in FLAGS:
        flags = np.where(present, given[:, :, nth], 0)
        np.testing.assert_array_equal(found[VISITS][:, :, nth], flags)
    unknown = present & ~np.isfinite(given[:, :, 0])
    assert unknown.any()
    # Not exactly: the mean that is filled in, less the mean, over the deviation.
    assert np.abs(found[VISITS][:, :, 0][unknown]).max() < 1e-6
    assert not found[VISITS][~present].any()


def test_null_and_the_empty_word_are_one_and_unseen_is_another(served):
    common = {"amount": 1.0, "balance": 1.0, "hour": 1.0, "shop": 7}
    common |= {EVENTS: [0.0] * 6, LENGTH: 0, VISITS: [0.0] * 15, VISITS_LENGTH: 0}
    rows = [common | {"merchant": word} for word in (None, "", "never seen", "fuel")]
    index = PROGRAM.categorical().index("merchant")
    ids = served(rows)["ids"][:, index].tolist()
    assert ids[:3] == [0, 0, 1]
    assert ids[3] >= 2


def test_the_signature_names_the_columns_of_the_feature_table():
    tf = pytest.importorskip("tensorflow")
    signature = serving_signature(tf, FITTED)
    columns = {"amount", "balance", "hour", "merchant", "shop", EVENTS, LENGTH}
    assert set(signature) == columns | {VISITS, VISITS_LENGTH}
    assert signature[EVENTS].shape.as_list() == [None, 6]
    assert signature[VISITS].shape.as_list() == [None, 15]
    assert {signature[n].dtype for n in ("amount", "hour")} == {tf.float64}
    assert (signature["shop"].dtype, signature["merchant"].dtype) == (tf.int64, tf.string)


def test_a_graph_rounds_to_bfloat16_as_the_training_set_does():
    import tensorflow as tf

    values = np.random.default_rng(5).integers(0, 1 << 32, 100_000, np.uint32).view(np.float32)
    values = np.append(values, np.float32([0.0, -0.0, 3.4e38]))
    # TensorFlow takes subnormal numbers for 0.
    values = values[np.isfinite(values) & ((values == 0) | (np.abs(values) > 1e-37))]
    found = rounded_graph(tf, tf.constant(values)).numpy()
    np.testing.assert_array_equal(found, widened(np, narrowed(np, values)))
