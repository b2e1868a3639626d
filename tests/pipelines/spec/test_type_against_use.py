"""Every rule about a type and its use is one of the declaration's: a table of them, each with what is said."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import (
    Binary,
    Categorical,
    Column,
    Entity,
    Evaluation,
    Gates,
    Hour,
    Label,
    Model,
    MultiClass,
    Numeric,
    Ordinal,
    Outcome,
    Ratio,
    Regression,
    Schedule,
    Sequence,
    Split,
    Survival,
    Trailing,
    Training,
    Weekend,
    require_valid,
)
from tests.pipelines.spec.wrong_declarations import EVERYTHING, SALES

DENSE = {"model": Model(), "search": type(EVERYTHING.search)()}
EVENT = Outcome("stock", "shop", ("parts", 0), horizon_days=1095)
LONG = Split(train_days=7, gap_days=1095, test_days=2)


def mistakes(**changed):
    try:
        require_valid(replace(EVERYTHING, **changed))
    except DeclarationError as error:
        return error.problems
    return ()


def of_features(*features):
    return {"features": features, **DENSE}


def of_label(column, head, **more):
    """A label in a column of its own, which no feature reads."""
    columns = (*(c for c in SALES.columns if c.name != "truth"), replace(column, name="truth"))
    tables = (replace(SALES, columns=columns), *EVERYTHING.tables[1:])
    label = Label("truth", known_after_days=0)
    plain = {"gates": Gates(), "evaluation": Evaluation(), "features": (Numeric("price"),)}
    return {"tables": tables, "label": label, "head": head, **plain, **DENSE, **more}


ALERTS = Evaluation(alert_entity="shop")
WRONG = [
    (
        of_features(Numeric("shop")),
        "column 'shop' is of type 'text'. Use integer, number, flag",
    ),
    (of_features(Numeric("at")), "or Hour, Weekday, Weekend, Night or Since of it"),
    (of_features(Hour("price")), "Hour: column 'price' is of type 'number'. Use a timestamp"),
    (of_features(Weekend("shop")), "Weekend: column 'shop' is of type 'text'. Use a timestamp"),
    (of_features(Categorical("price")), "Use text, integer, flag, or Numeric with"),
    (
        of_features(Sequence("shop", ("kind",))),
        "Sequence(shop): column 'kind' is of type 'text'",
    ),
    (of_features(Trailing("shop", ("mean",), (1,), column="kind")), "'kind' is of type 'text'"),
    (of_features(Trailing("shop", ("last",), (1,), column="at")), "a history has none"),
    (of_features(Trailing("shop", ("distinct",), (1,), column="shop")), "not in its history"),
    (
        of_features(Trailing("shop", ("count",), (1,), where=("till", "x"))),
        "where value 'x' must be a number",
    ),
    (
        of_features(Trailing("shop", ("count",), (1,), where=("till", 1.5))),
        "where value 1.5 must be a number that column 'till' can have",
    ),
    (
        of_features(Trailing("shop", ("count",), (1,), where=("kind", "csh"))),
        "'csh' is not one of the values of column 'kind'. Did you mean 'cash'",
    ),
    (
        of_features(Numeric("price"), Categorical("kind"), Ratio("price", "kind")),
        "Ratio: denominator",
    ),
    (of_features(Numeric("returned")), "'returned' is the label"),
    (of_features(Categorical("returned")), "'returned' is the label"),
    (
        of_features(Trailing("shop", ("count",), (1,), where=("returned", 1))),
        "before it is known. Use delay_days=2",
    ),
    (of_features(Sequence("shop", ("returned",), delay_days=1)), "Use delay_days=2"),
    (of_features(), "features: there are none"),
    (
        {"entities": (Entity("shop", "shop"), Entity("till", "returned"))},
        "its column 'returned' is the label",
    ),
    (
        of_label(Column("t", "text"), Binary(), evaluation=ALERTS),
        "declared as integers with words",
    ),
    (
        of_label(Column("t", "number"), Binary(), evaluation=ALERTS),
        "Binary needs a flag or an integer",
    ),
    (
        of_label(Column("t", "integer", high=3), Binary(), evaluation=ALERTS),
        "may be 3, as it is declared",
    ),
    (of_label(Column("t", "integer", words={"a": 4}), MultiClass(3)), "may be 4"),
    (of_label(Column("t", "integer", values=(1, 2, 3)), Ordinal(3)), "an integer from 0 to 2"),
    (of_label(Column("t", "text"), Regression()), "Regression needs a number"),
    (of_label(Column("t", "flag"), Survival((1.0,))), "Survival needs a number of days"),
    ({"evaluation": Evaluation()}, "alert_entity is missing: Binary is evaluated by alerts"),
    (
        of_label(
            Column("t", "integer"), MultiClass(3), evaluation=Evaluation(alerts_per_day=3)
        ),
        "evaluation.alerts_per_day=3 is for a Binary head",
    ),
    ({"label": EVENT, "split": replace(LONG, gap_days=0)}, "known only 1095 days later"),
    ({"label": replace(EVENT, horizon_days=0)}, "label.horizon_days must be 1 or more"),
    (
        {"label": replace(EVENT, where=("parts", "none")), "split": LONG},
        "'none' cannot occur in column",
    ),
    ({"label": replace(EVENT, table="shops"), "split": LONG}, "table shops is static"),
    (
        {"label": replace(EVENT, entity="till"), "split": LONG},
        "entity till: column of table stock 'till'",
    ),
    ({"examples": "shops"}, "the rows of a static table are of no day"),
    (
        {"tables": (replace(SALES, known_time="price"), *EVERYTHING.tables[1:])},
        "must be a timestamp",
    ),
    (
        {"tables": (replace(SALES, row_id="till"), *EVERYTHING.tables[1:])},
        "row_id 'till' is nullable",
    ),
    ({"tables": (*EVERYTHING.tables, SALES)}, "table 'sales' is declared twice"),
    ({"split": Split(7, 2, 2, validation_days=7)}, "must leave some of the 7 training days"),
    ({"split": Split(10**6, 2, 2)}, "split.train_days must be at most 36,525"),
    ({"training": Training(momentum=1.5)}, "training.momentum must be at most 1"),
    ({"model": Model(hidden=(10**9,))}, "model.hidden must be units of 65,536 or fewer"),
    ({"schedule": Schedule("2026-01-01", model_cron="daily")}, "schedule.model_cron 'daily'"),
    (
        {
            "tables": (
                replace(SALES, source=replace(SALES.source, path="{day}/**x")),
                *EVERYTHING.tables[1:],
            )
        },
        "** stands for whole folders",
    ),
    ({"buckets": 2.5}, "buckets must be an integer; got 2.5"),
    ({"buckets": True}, "buckets must be an integer; got True"),
    ({"training": Training(epochs="3")}, "training.epochs must be an integer; got '3'"),
    (
        {"training": Training(learning_rate=float("nan"))},
        "must be a number and finite; got nan",
    ),
    ({"tables": list(EVERYTHING.tables)}, "tables must be a tuple, such as (x,) for one"),
    ({"tables": (SALES.columns[0],)}, "tables[sale] must be a Table"),
    ({"entities": (None,)}, "entities[0] must be an Entity; got None"),
    ({"head": Regression}, "head must be a Head; got <class"),
    ({"title": "\ud800"}, "title must be a text without lone surrogates"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_a_use_that_its_type_does_not_have_is_a_mistake(changed, said):
    assert any(said in problem for problem in mistakes(**changed)), mistakes(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        of_label(
            Column("t", "integer", words={"no": 0, "yes": 1}), Binary(), evaluation=ALERTS
        ),
        of_label(Column("t", "flag", nullable=True), Binary(), evaluation=ALERTS),
        of_label(Column("t", "integer", low=0, high=2), MultiClass(3)),
        of_label(Column("t", "number"), Regression()),
        of_label(Column("t", "integer"), Survival((1.0, 9.0))),
        {"label": EVENT, "split": LONG, **of_features(Numeric("price"))},
        {"evaluation": ALERTS},
    ],
)
def test_what_can_be_used_is_no_mistake(changed):
    assert mistakes(**changed) == ()


def test_a_wrong_type_hides_no_other_mistake():
    found = mistakes(
        buckets="4", training=Training(epochs="3", optimizer="adm"), x_type="float8"
    )
    assert [text.split(" ")[0] for text in found] == [
        "training.epochs",
        "buckets",
        "x_type",
        "training.optimizer",
    ]


def test_whatever_an_object_does_when_it_is_shown_it_is_named():
    class Odd:
        def __repr__(self):
            raise RuntimeError("no")

    assert mistakes(buckets=Odd()) == ("buckets must be an integer; got <Odd>.",)
