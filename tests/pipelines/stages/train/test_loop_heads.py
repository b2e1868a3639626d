"""Every head and every network, on one replica and on two, against the plain loop.

Why: a loss that a replica divides by its own rows, or a table that padding updates, shows in no
    loss and in no test of one head alone.
"""

import pytest

from tests.pipelines.stages.train.comparison_data import DECLARED
from tests.pipelines.stages.train.labels import HEADS
from tests.pipelines.stages.train.loop_cases import (
    LIMIT,
    LOW_LIMIT,
    RATES,
    TAIL,
    apart,
    assert_equal_to_the_plain_loop,
    case,
    cases,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FOUR = {"micro_batches": 4}
# A rate of its own: below a transformer the others' is that of plain SGD.
BY_ROWS = {"embedding_optimizer": "row_adam", "embedding_learning_rate": 1e-2}
DECAYED = {"optimizer": "adamw"}
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "lion", "adagrad")
OPTIONS = {
    "clip nothing": {"clip_norm": 0.0},
    "four micro-batches, warm, cosine": {
        "micro_batches": 4,
        "schedule": "cosine",
        "warmup_epochs": 0.5,
    },
    "jit": {"jit": True},
    "table by sgd": {"embedding_optimizer": "sgd", "embedding_learning_rate": 0.1},
    "table by adagrad": {"embedding_optimizer": "adagrad", "embedding_learning_rate": 1e-2},
    "table by rows": BY_ROWS,
}
CLASSES = {"binary": [0.5, 3.0], "multi_class": [1.0, 0.0, 3.0], "ordinal": [1, 2, 3, 4]}
NETWORKS = tuple(name for name in DECLARED if name != "declared")


def assert_all_equal(asked):
    for one, result in zip(asked, cases(*asked), strict=True):
        assert_equal_to_the_plain_loop(one, result)


def on(kind, replicas, **more):
    # Adam makes a step of what a transformer's key biases round to: test_loop.py.
    sgd = {"optimizer": "sgd", "learning_rate": 0.5} if kind == "transformer" else {}
    training = sgd | more.pop("training", {})
    # A normalised layer's gradients cancel, and Adam makes their rounding larger: in float32 the
    # plain loop is further from the exact weights (1.2e-6) than one replica and two (3e-7).
    if kind == "builder" and "precision" not in training:
        more["reference"] = "float64"
    return case(kind=kind, replicas=replicas, rows=TAIL, training=training, **more)


@pytest.mark.parametrize("head", HEADS)
def test_every_head_with_every_optimizer_has_the_weights_of_one_replica(head, tmp_path):
    asked = [
        on(
            "declared",
            replicas,
            head=head,
            training={"optimizer": optimizer} | RATES.get(optimizer, {}),
            keep=str(tmp_path / f"{optimizer}-{replicas}.npz"),
        )
        for optimizer in OPTIMIZERS
        for replicas in (1, 2)
    ]
    assert_all_equal(asked)
    for optimizer in OPTIMIZERS:
        assert apart(tmp_path, f"{optimizer}-1", f"{optimizer}-2") < LIMIT, optimizer


@pytest.mark.parametrize("head", HEADS)
def test_every_head_with_every_option_on_two_replicas(head):
    options = list(OPTIONS.values())
    if head in CLASSES:
        options.append({"class_weights": CLASSES[head]})
    assert_all_equal(
        [on("declared", 2, head=head, rare=True, training=each) for each in options]
    )


@pytest.mark.parametrize("head", HEADS)
def test_every_network_below_every_head_on_two_replicas(head):
    assert_all_equal([on(kind, 2, head=head) for kind in NETWORKS])


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_with_what_changes_how_a_step_is_computed(kind):
    assert_all_equal([on(kind, 2, training=option) for option in OPTIONS.values()])


def test_short_floats_below_heads_and_networks_on_two_replicas():
    asked = [
        on("recurrent", 2, training={"precision": "bfloat16"}),
        on("recurrent", 2, head="huber", training={"precision": "float16"}),
        on("transformer", 2, training={"precision": "bfloat16"}),
        on("transformer", 2, head="survival", training={"precision": "float16"}),
        on("builder", 2, head="ordinal", training={"precision": "bfloat16", **FOUR}),
        on("low_rank", 2, head="multi_class", training={"precision": "float16", **BY_ROWS}),
        on("declared", 2, training={"precision": "bfloat16", "jit": True, **DECAYED}),
        on("declared", 2, training={"precision": "float16", "jit": True, **FOUR}),
    ]
    asked += [
        on("declared", 2, training={"precision": "float16", "optimizer": optimizer})
        for optimizer in ("momentum", "adamw", "lion", "adagrad")
    ]
    for one, result in zip(asked, cases(*asked), strict=True):
        assert_equal_to_the_plain_loop(one, result, LOW_LIMIT)


def test_padding_updates_no_row_of_a_table():
    # Ids 0, which padding once had, are in few rows; three replicas pad every step.
    asked = [
        case(kind="embedding", replicas=1, rows=TAIL, rare=True, training=BY_ROWS),
        case(kind="embedding", replicas=3, rows=64 * 6, rare=True, training=BY_ROWS),
        case(kind="declared", replicas=3, rows=65, training=BY_ROWS | FOUR),
        on("builder", 2, training={"global_batch_rows": 512}),
    ]
    assert_all_equal(asked)


def test_other_values_of_what_an_optimizer_and_a_schedule_take():
    values = (
        {"optimizer": "momentum", "momentum": 0.5},
        {"optimizer": "adamw", "weight_decay": 0.2},
        {"optimizer": "lion", "weight_decay": 0.2},
        {"schedule": "step", "step_epochs": 1, "step_factor": 0.5, "epochs": 3},
        {"focal_gamma": 0.5, "class_weights": [0.0, 2.0]},
    )
    assert_all_equal([on("declared", 2, training=each) for each in values])


def test_rows_of_several_pools_are_the_same_whatever_the_replicas(tmp_path):
    training = {"global_batch_rows": 2048, "pool_mb": 1}
    asked = [
        case(kind="declared", replicas=n, rows=45_000, training=training, alone=True)
        | {"keep": str(tmp_path / f"{n}.npz")}
        for n in (1, 2, 3)
    ]
    for result in cases(*asked):
        assert result["steps"] == 22
        assert result["copies_agree"]
    assert apart(tmp_path, "1", "2") < LIMIT
    assert apart(tmp_path, "1", "3") < LIMIT
