"""The loop under a strategy against a plain loop; one process a case, as TensorFlow asks."""

import itertools
import json
import subprocess
import sys

import pytest

from tests.pipelines.stages.train.loop_cases import (
    LOW_LIMIT,
    RATES,
    ROOT,
    TAIL,
    apart,
    assert_equal_to_the_plain_loop,
    case,
    cases,
)

OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "lion", "adagrad")
OPTIONS = {
    "clip nothing": {"clip_norm": 0.0},
    "four micro-batches": {"micro_batches": 4},
    "class weights": {"class_weights": [0.5, 3.0]},
    "focal": {"focal_gamma": 2.0},
    "cosine, warm": {"schedule": "cosine", "warmup_epochs": 0.5, "final_rate_share": 0.1},
    "linear, scaled": {
        "schedule": "linear",
        "rate_scaling": "sqrt",
        "base_batch_rows": 16,
        "final_rate_share": 0.5,
    },
    "step": {"schedule": "step", "step_epochs": 1, "epochs": 2, "rate_scaling": "linear"},
    "jit": {"jit": True},
    "jit, clip nothing": {"jit": True, "clip_norm": 0.0},
    "jit, four micro-batches": {"jit": True, "micro_batches": 4},
    "table by sgd": {"embedding_optimizer": "sgd", "embedding_learning_rate": 0.1},
    "table by adagrad": {"embedding_optimizer": "adagrad"},
    "table by rows": {"embedding_optimizer": "row_adam", "embedding_learning_rate": 1e-2},
}


@pytest.fixture(scope="module")
def results_in_ci():
    """Each option that changes what a step computes and several heads, some to a case.

    All of them alone are below and in test_loop_heads.py.
    """
    mixed = {"class_weights": [0.5, 3.0], "schedule": "cosine", "warmup_epochs": 0.5}
    table = {"embedding_optimizer": "row_adam", "micro_batches": 4, "jit": True}
    grades = {"kind": "declared", "head": "ordinal", "rare": True}
    adamw = {"optimizer": "adamw"}
    asked = [
        case(replicas=2, kind="dense", rows=TAIL, training=mixed, nan=True),
        case(replicas=2, rows=TAIL, **grades, training=table | {"class_weights": [1, 2, 3, 4]}),
        case(replicas=1, kind="embedding", rows=TAIL, training=adamw, progress=[]),
        case(replicas=2, kind="deep_cross", head="multi_class", rows=TAIL),
        case(replicas=2, kind="members", head="ordinal", rows=TAIL),
        case(replicas=2, kind="builder", head="competing", rows=TAIL),
    ]
    return list(zip(asked, cases(*asked), strict=True))


def test_two_replicas_equal_one_device_with_a_tail_and_a_nan_is_traced_to_its_feature(
    results_in_ci,
):
    for one, result in results_in_ci:
        assert result["steps"] == 6
        assert_equal_to_the_plain_loop(one, result)
    nan = results_in_ci[0][1]["nan"]
    assert "The sum of the inputs of step " in nan
    assert "is nan (epoch 1, rows' digest " in nan
    assert "Non-finite values, by feature: c (1)." in nan
    assert "Last finite checkpoint: none yet. Fix those features" in nan


def test_the_reported_rate_excludes_the_first_call_which_traces_and_compiles(results_in_ci):
    since, done, per_s = results_in_ci[2][1]["progress"][-1]
    assert done == TAIL
    # Tracing takes seconds, and all the steps after it far less than one.
    assert per_s > 3 * done / since


def test_ids_that_repeat_add_up_in_the_order_of_the_rows_where_sgd_takes_them_unmerged():
    ran = subprocess.run(
        [sys.executable, "-m", "tests.pipelines.stages.train.repeats_case"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result["same_bits"]
    assert result["moved"] > 1


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("kind", ["dense", "embedding"])
def test_replicas_equal_one_device_whatever_the_tail(replicas, kind):
    asked = [case(replicas=replicas, kind=kind, rows=64 * 6 + tail) for tail in (0, 1, 37)]
    for one, result in zip(asked, cases(*asked), strict=True):
        assert_equal_to_the_plain_loop(one, result)


@pytest.mark.slow
def test_declared_networks_on_two_replicas_equal_one_device():
    # A softmax does not change with the bias of its keys: the gradient of that is rounding alone, of
    # which Adam and Lion make a step. Adam has a test of its own, below.
    plain, lion = {"optimizer": "sgd", "learning_rate": 0.5}, {"optimizer": "lion"}
    asked = [
        case(replicas=2, kind="deep_cross", rows=TAIL),
        case(replicas=2, kind="recurrent", rows=TAIL),
        case(replicas=2, kind="transformer", rows=TAIL, training=plain),
        case(replicas=2, kind="transformer", rows=TAIL, training=lion, without="key/bias"),
    ]
    for one, result in zip(asked, cases(*asked), strict=True):
        assert_equal_to_the_plain_loop(one, result)


@pytest.mark.slow
def test_what_adam_makes_of_a_transformer_on_two_replicas_is_rounding_and_nothing_else(
    tmp_path,
):
    def asked(replicas, **more):
        keep = str(tmp_path / f"{more.get('floats', 'float32')}-{replicas}.npz")
        same = {"kind": "transformer", "rows": TAIL, "without": "key/bias", "keep": keep}
        return case(replicas=replicas, **same, **more)

    # In float32 one replica is as far from a plain loop in float64 as two do.
    single = [asked(replicas, reference="float64") for replicas in (1, 2)]
    double = [asked(replicas, floats="float64") for replicas in (1, 2)]
    results = cases(*single, *double)
    for one, found in zip([*single, *double], results, strict=True):
        assert_equal_to_the_plain_loop(one, found, limit=1e-5)
    assert results[0]["difference"] > 1e-7
    assert 1 / 4 < results[1]["difference"] / results[0]["difference"] < 4
    assert apart(tmp_path, "float32-1", "float32-2") > 1e-7
    # The same epoch in float64: as far apart as that rounds.
    assert apart(tmp_path, "float64-1", "float64-2") < 1e-12


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("replicas", [1, 2])
def test_every_option_with_every_optimizer_equals_the_plain_loop(optimizer, replicas):
    asked = [
        case(
            replicas=replicas,
            kind="embedding",
            rows=TAIL,
            training={"optimizer": optimizer} | RATES.get(optimizer, {}) | option,
        )
        for option in ({}, *OPTIONS.values())
    ]
    for one, result in zip(asked, cases(*asked), strict=True):
        assert_equal_to_the_plain_loop(one, result)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_low_precision_equals_the_plain_loop_to_its_own_rounding():
    choices = itertools.product(("bfloat16", "float16"), (1, 2), ("sgd", "adam"))
    asked = [
        case(
            replicas=replicas,
            kind="embedding",
            rows=TAIL,
            training={"precision": precision, "optimizer": optimizer}
            | RATES.get(optimizer, {}),
        )
        for precision, replicas, optimizer in choices
    ]
    for one, result in zip(asked, cases(*asked), strict=True):
        assert_equal_to_the_plain_loop(one, result, LOW_LIMIT)


@pytest.mark.slow
def test_an_overflow_of_float16_skips_the_step_and_halves_the_scale():
    low = {"precision": "float16", "epochs": 4}
    asked = case(replicas=2, kind="dense", rows=TAIL, training=low, first_scale=2.0**24)
    result = cases(asked)[0]
    assert 2.0**8 <= result["scale"] < 2.0**24
    assert result["moved"] > 1e-3
    assert result["copies_agree"]
