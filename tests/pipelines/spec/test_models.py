"""Declared networks, heads and searches: mistakes, settings by name, what names a model."""

import dataclasses
from pathlib import Path

import pytest

from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.spec import (
    Binary,
    Builder,
    Choice,
    DeepCross,
    Gates,
    Head,
    Model,
    MultiClass,
    Ordinal,
    Range,
    Recurrent,
    Regression,
    Search,
    Sequence,
    Survival,
    Training,
    Transformer,
    kind_of,
    load,
    metrics_of,
    model_code,
    model_days,
    model_settings,
    outputs_of,
    primary_metric,
    require_valid,
    search_day,
    with_settings,
)
from pipelines.spec.models import KINDS

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = load("fraud_detection")
# Costs are for a Binary head alone.
FRAUD = dataclasses.replace(
    SHIPPED, evaluation=dataclasses.replace(SHIPPED.evaluation, costs=None)
)


def problems(**changes):
    with pytest.raises(DeclarationError) as caught:
        require_valid(dataclasses.replace(FRAUD, **changes))
    return caught.value.problems


@pytest.mark.parametrize(
    ("model", "reported"),
    [
        (Model(hidden=(0,), activation="rlu"), ["model.activation 'rlu'", "model.hidden"]),
        (Model(members=0), ["model.members must be 1 or more; got 0"]),
        (Model(members=65), ["model.members must be 64 or fewer; got 65"]),
        (DeepCross(cross_layers=0, dropout=1.0), ["model.dropout", "model.cross_layers"]),
        (
            Recurrent(units=0, embedding_dim=-1),
            ["model.embedding_dim", "model.units", "model: 'recurrent' needs a sequence"],
        ),
        (
            Transformer(width=30, heads=4),
            [
                "model.width=30 must be a multiple of",
                "Declare a Sequence or Visits, or use dense or deep_cross",
            ],
        ),
        (Builder("pipelines.nowhere.build"), ["no Python module 'pipelines.nowhere'"]),
        (Builder("build"), ["no Python module ''"]),
    ],
)
def test_every_mistake_of_a_network_is_reported(model, reported):
    found = problems(model=model)
    assert len(found) == len(reported)
    assert all(any(text in problem for problem in found) for text in reported)


@pytest.mark.parametrize(
    ("head", "reported"),
    [
        (MultiClass(1), "head.classes must be 2 or more"),
        (Ordinal(2), "head.classes must be 3 or more"),
        (Regression(loss="squard"), "Did you mean 'squared'"),
        (Regression(scale=0.0), "head.scale must be above 0"),
        (Survival((5.0, 2.0)), "head.cuts_days must ascend"),
        (Survival(()), "head.cuts_days must ascend"),
    ],
)
def test_every_mistake_of_a_head_is_reported(head, reported):
    found = problems(head=head, gates=Gates())
    assert len(found) == 1
    assert reported in found[0]


def test_a_gate_on_a_metric_the_head_does_not_have_is_refused_with_the_nearest():
    found = problems(head=Regression(), gates=Gates(limits=(("rmsee", 3.0),)))
    assert found == (
        "gates.limits: 'rmsee' is not a metric of this head. Did you mean 'rmse'?",
    )


def test_gates_of_a_binary_head_are_refused_for_another():
    found = problems(head=MultiClass(3))
    assert [problem.split(" ")[0] for problem in found] == [
        "gates.min_auc",
        "gates.min_average_precision",
    ]


def test_a_network_for_sequences_is_taken_where_one_is_declared():
    history = Sequence("customer", ("tx_amount",), steps=4)
    features = (*FRAUD.features, history)
    for model in (Recurrent(), Transformer()):
        require_valid(dataclasses.replace(FRAUD, model=model, features=features))


@pytest.mark.parametrize(
    ("head", "training", "reported"),
    [
        (
            Regression(),
            {"focal_gamma": 2.0, "class_weights": (1.0, 4.0), "watch": "auc"},
            [
                "training.focal_gamma=2.0 is for a Binary head, not Regression. Leave it at 0.",
                "training.watch 'auc' is for a Binary head",
                "training.class_weights=(1.0, 4.0) needs labels that are classes",
            ],
        ),
        (Survival((1.0,)), {"class_weights": (1.0,)}, ["those of Survival are not"]),
        (
            MultiClass(3),
            {"class_weights": (1.0, 4.0), "watch": "average_precision"},
            [
                "an epoch of MultiClass is evaluated by its loss. Use 'loss'.",
                "training.class_weights has 2 values; MultiClass has 3 classes",
            ],
        ),
        (Ordinal(3), {"class_weights": (1.0,) * 4}, ["4 values; Ordinal has 3 classes"]),
        (Binary(), {"class_weights": (1.0,)}, ["1 values; Binary has 2 classes"]),
    ],
)
def test_every_setting_of_training_that_the_head_cannot_take_is_reported(
    head, training, reported
):
    found = problems(head=head, gates=Gates(), training=Training(**training))
    found = [problem for problem in found if not problem.startswith("label: column")]
    assert len(found) == len(reported)
    for problem, text in zip(found, reported, strict=True):
        assert text in problem


@pytest.mark.parametrize(
    ("head", "training"),
    [
        (Binary(), {"focal_gamma": 2.0, "class_weights": (1.0, 4.0), "watch": "auc"}),
        (MultiClass(3), {"class_weights": (1.0, 2.0, 4.0)}),
        (Ordinal(4), {"class_weights": (1.0, 2.0, 4.0, 1.0)}),
    ],
)
def test_a_setting_of_training_is_taken_where_the_head_has_a_use_for_it(head, training):
    require_valid(
        dataclasses.replace(FRAUD, head=head, gates=Gates(), training=Training(**training))
    )


def test_every_head_has_a_primary_metric_and_as_many_outputs_as_its_loss_reads():
    heads = {Binary(): 1, MultiClass(5): 5, Regression(): 1, Ordinal(5): 4, Survival((1, 9)): 2}
    for head, outputs in heads.items():
        assert outputs_of(head) == outputs
        assert primary_metric(head) in metrics_of(head)


def test_every_network_and_every_head_has_a_line_in_the_docs():
    said = (ROOT / "docs/models.md").read_text()
    assert [kind for kind in KINDS if f"| `{kind}`" not in said] == []
    heads = [head.__name__ for head in Head.__subclasses__()]
    assert [head for head in heads if f"| `{head}(" not in said] == []


def test_every_mistake_of_a_search_is_reported():
    space = (
        Choice("model", ("dense", "deep_croos")),
        Range("training.epochs", 1, 5),
        Range("training.learning_rat", 1e-4, 1e-2),
        Range("training.learning_rate", 1e-2, 1e-4, log=True),
        Range("training.global_batch_rows", 64.5, 128),
        Range("model.activation", 0, 1),
        Choice("model.dropout", ("high",)),
        Choice("model.hidden", ()),
    )
    found = problems(search=Search(space, trials=0, keep_one_in=1))
    for text in (
        "Did you mean 'deep_cross'",
        "training.epochs cannot vary",
        "Did you mean 'training.learning_rate'",
        "needs low below high",
        "is an integer",
        "is not a number",
        "values like 0.2; got 'high'",
        "no values to choose from",
        "search.trials must be 1 or more",
        "search.keep_one_in must be 2 or more",
    ):
        assert any(text in problem for problem in found), (text, found)
    assert len(found) == 10


def test_a_search_may_vary_a_setting_that_only_one_of_its_kinds_has():
    space = (Choice("model", ("dense", "deep_cross")), Range("model.cross_layers", 1, 3))
    require_valid(dataclasses.replace(FRAUD, search=Search(space)))


def test_a_search_over_networks_for_sequences_needs_one():
    found = problems(search=Search((Choice("model", ("dense", "transformer")),)))
    assert len(found) == 1
    assert found[0].startswith("search: model: 'transformer' needs a sequence")


def test_the_kind_of_network_is_a_setting():
    changed = with_settings(FRAUD, ["model=deep_cross", "model.cross_layers=3"])
    assert changed.model == DeepCross(cross_layers=3)
    with pytest.raises(ConfigError, match="Did you mean 'transformer'"):
        with_settings(FRAUD, ["model=transformr"])


def test_two_kinds_with_the_same_settings_are_distinguished():
    kinds = {kind_of(m): model_settings(m) for m in (Model(), DeepCross(), Recurrent())}
    assert [settings["kind"] for settings in kinds.values()] == list(kinds)


def test_a_builders_function_is_what_names_the_models_code_beside_the_stages():
    assert model_code(Builder("my_network.build")) == ("my_network.build",)
    assert model_code(DeepCross()) == ()


def test_a_search_evaluates_on_days_before_the_models_own_test():
    as_of = "2026-03-01"
    model, search = (
        model_days(FRAUD, as_of),
        model_days(FRAUD, search_day(FRAUD, as_of)),
    )
    assert search.test == model.train
    assert max(search.all()) < min(model.gap)


AMOUNTS = dataclasses.replace(FRAUD, head=Regression(), gates=Gates())


def mistakes(pipeline):
    try:
        require_valid(pipeline)
    except DeclarationError as error:
        return error.problems
    return []


def found_in(space, pipeline=FRAUD):
    return [
        problem
        for problem in mistakes(dataclasses.replace(pipeline, search=Search(space)))
        if problem.startswith("search: ")
    ]


@pytest.mark.parametrize(
    ("item", "reported"),
    [
        (Range("training.focal_gamma", 0, 2), "focal_gamma=2 is for a Binary head"),
        (Choice("training.watch", ("loss", "auc")), "watch 'auc' is for a Binary head"),
        (Choice("training.class_weights", ((), (1.0, 5.0))), "needs labels that are classes"),
    ],
)
def test_a_search_over_what_its_head_cannot_take_is_refused(item, reported):
    found = found_in((item,), AMOUNTS)
    assert len(found) == 1
    assert reported in found[0]
    if "class_weights" not in item.setting:
        require_valid(dataclasses.replace(FRAUD, search=Search((item,))))


def test_every_value_that_a_search_cannot_train_with_is_reported_at_once():
    space = (
        Choice("training.class_weights", ((1.0, 5.0), (1.0, 2.0, 3.0), (-1.0, 1.0))),
        Choice("training.optimizer", ("adam", "adamm")),
        Range("training.learning_rate", 0.0, 0.1),
        Choice("training.patience", (0, 3)),
        Range("model.dropout", 0.1, 1.0),
        Choice("model.hidden", ((8,), (0,))),
        Choice("model", ("dense", "deep_cross")),
        Range("model.cross_layers", 0, 2),
    )
    found = found_in(space)
    for text in (
        "class_weights has 3 values; Binary has 2 classes",
        "class_weights must be 0 or more; got (-1.0, 1.0)",
        "training.optimizer 'adamm' is not known",
        "training.learning_rate must be above 0; got 0.0",
        "training.patience=3 needs days to validate an epoch on",
        "model.dropout must be in [0, 1); got 1.0",
        "model.hidden must be units of 1 or more; got (0,)",
        "model.cross_layers must be 1 or more; got 0",
    ):
        assert sum(text in problem for problem in found) == 1, (text, found)
    assert len(found) == 8


@pytest.mark.parametrize(
    ("space", "refused"),
    [
        ((Choice("model.width", (30, 60)), Choice("model.heads", (3,))), False),
        ((Choice("model.width", (32, 64)), Choice("model.heads", (2, 3))), True),
        ((Range("model.width", 16, 64),), True),
        ((Choice("model.width", (16, 64)),), False),
    ],
)
def test_widths_and_heads_that_may_be_sampled_together_must_divide(space, refused):
    transformer = dataclasses.replace(FRAUD, model=Transformer(width=32, heads=2))
    found = [each for each in found_in(space, transformer) if "is not a multiple" in each]
    assert bool(found) == refused
