"""Mistakes in outcomes and in splits of entities, each with its remedy."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import (
    Binary,
    Evaluation,
    MultiClass,
    Regression,
    Split,
    Survival,
    Training,
    require_valid,
)
from tests.pipelines.stages.cohort.ward import (
    BY_BOTH,
    BY_ENTITY,
    BY_TIME,
    COLUMN,
    OUTCOME,
    ward,
)


def label(**changed):
    return {"label": replace(OUTCOME, **changed)}


def entity(**changed):
    return {"split": replace(BY_ENTITY, **changed)}


PLAIN = {"head": Binary()}
WRONG = [
    (label(table="event"), "label: table 'event' is not declared. Did you mean 'events'?"),
    (label(table="patients"), "label: table patients is static, and an event needs"),
    (label(entity="person"), "label: entity 'person' is not declared. Known: patient"),
    (label(horizon_days=0), "label.horizon_days must be 1 or more; got 0."),
    (label(where=("kode", "diabetes")), "'kode' is not declared. Did you mean 'code'?"),
    (label(where=("code", 7)), "label: where: value 7 cannot occur in column 'code'"),
    (label(where=("code", ("diabetes", 7))), "label: where: value 7 cannot occur in column"),
    (label(where=("code", ())), "label: where: () are no values"),
    (label(where=("code",)), "label: where must be (column, value), or (column, (value, ...))"),
    (label(competing=("code", 3)), "label: competing: value 3 cannot occur in column 'code'"),
    (label(competing=("cod", "death")), "label: competing: column 'cod' is not declared"),
    (
        label(competing=("code", ("death", "insulin"))),
        "'insulin' is the event and the competing event at once. Name it in one of",
    ),
    (
        label(followed_until="patient.until"),
        "followed_until: table 'patient' is not declared. Did you mean 'patients'?",
    ),
    (
        label(followed_until="patients.end"),
        "followed_until: column of patients 'end' is not declared",
    ),
    (
        label(followed_until="patients.patient"),
        "is of type 'integer'. Declare it as a timestamp",
    ),
    (
        label(followed_until="patients"),
        "is a static table, which has no last row of an entity. Name one of its timestamps: "
        "patients.until.",
    ),
    (
        label(followed_until="events.happened"),
        "the table has an event_time, so an entity has many rows in it. Write "
        "followed_until='events' for the last of them",
    ),
    (
        {"head": Survival(cuts_days=(30, 120))},
        "label.horizon_days=90 ends before head.cuts_days does, at 120",
    ),
    (
        {"head": Survival(cuts_days=(30,), competing=True), **label(competing=None)},
        "head.competing=True needs a competing event. Declare label.competing",
    ),
    (
        {"head": Survival(cuts_days=(30,), competing=True), "label": COLUMN},
        "head.competing=True needs a label that says which event ended a row",
    ),
    (
        {"head": Regression()},
        "head Regression cannot learn an event of table 'events'. Use Binary",
    ),
    ({"head": MultiClass(classes=3)}, "head MultiClass cannot learn an event"),
    (
        {"split": replace(BY_TIME, gap_days=89)},
        "split.gap_days=89: training labels are known only 90 days later (label.horizon_days=90",
    ),
    ({"split": replace(BY_TIME, by="patient")}, "split.by 'patient' is not known."),
    (
        {"split": replace(BY_TIME, entity="patient")},
        "split.entity='patient' is for entities that are divided",
    ),
    ({"split": replace(BY_TIME, fold=2)}, "split.fold=2 is for entities that are divided"),
    ({"split": replace(BY_TIME, fold_seed=2)}, "split.fold_seed=2 is for entities"),
    (entity(entity=None), "split.entity is missing: split.by='entity' divides the members"),
    (entity(entity="ward"), "split: entity 'ward' is not declared. Known: patient"),
    (entity(folds=1, validation_folds=0), "split.folds must be from 2 to 1,000; got 1."),
    (entity(fold=5), "split.fold=5 is none of the 5 folds. Use 0 to 4."),
    (entity(fold=-1), "split.fold=-1 is none of the 5 folds"),
    (entity(fold_seed=-1), "split.fold_seed must be 0 or more; got -1."),
    (entity(validation_folds=4), "must leave one or more to train on. Use 0 to 3."),
    (
        entity(gap_days=90),
        "split.gap_days=90: with split.by='entity' every training day is tested",
    ),
    (entity(test_days=30), "split.test_days=30: with split.by='entity' every training day"),
    (entity(validation_days=30), "Use 0, and split.validation_folds."),
    (
        {"split": replace(BY_BOTH, validation_folds=1)},
        "With 'both' the last training days validate an epoch: use split.validation_days.",
    ),
    ({"split": replace(BY_BOTH, test_days=0)}, "split.test_days must be above 0; got 0."),
    (
        {
            "split": BY_BOTH,
            "evaluation": Evaluation(alert_entity="patient", exclude_known=True),
            **PLAIN,
        },
        "evaluation.exclude_known needs the earlier labels of the tested entities",
    ),
    (
        {"training": Training(patience=2), **entity(validation_folds=0)},
        "training.patience=2 needs days to validate an epoch on",
    ),
]


@pytest.mark.parametrize(("changed", "said"), WRONG)
def test_each_mistake_is_said_with_what_to_write_instead(changed, said):
    with pytest.raises(DeclarationError) as caught:
        ward(**changed)
    assert any(said in problem for problem in caught.value.problems), caught.value.problems
    assert "cannot be checked" not in str(caught.value)


def test_several_mistakes_are_listed_at_once():
    with pytest.raises(DeclarationError) as caught:
        ward(**label(where=("code", 7), horizon_days=0), split=Split(1, 1, 1, by="x"))
    assert len(caught.value.problems) >= 4


@pytest.mark.parametrize(
    "changed",
    [
        {},
        PLAIN,
        {"split": BY_ENTITY, "training": Training(patience=2, keep_best=True)},
        {"split": BY_BOTH, **PLAIN},
        {"label": COLUMN, "split": BY_ENTITY, **PLAIN},
        label(followed_until="events", recurrent=True),
        {"head": Survival(cuts_days=(30, 90), competing=True)},
    ],
)
def test_what_is_right_is_taken(changed):
    assert require_valid(ward(**changed)).has_cohort
