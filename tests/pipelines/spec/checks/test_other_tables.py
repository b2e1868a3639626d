"""Features over other tables: every mistake is said with what to write instead."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import (
    Categorical,
    Column,
    Entity,
    Fill,
    Hash,
    Label,
    Numeric,
    Sequence,
    Since,
    Trailing,
    Visits,
)
from pipelines.spec.checks import require_valid
from tests.pipelines.stages.featurize.clinic import LABS, STATIC, clinic

OK = Trailing("patient", ("count",), (1,))


def mistakes(*features, **changed):
    pipeline = replace(clinic(), features=(OK, *features), **changed)
    with pytest.raises(DeclarationError) as raised:
        require_valid(pipeline)
    return str(raised.value)


def lab(*columns):
    """The tables, with columns of labs replaced or added."""
    own = {c.name: c for c in (*LABS.columns, *columns)}
    return (clinic().table, replace(LABS, columns=tuple(own.values())), STATIC)


def visits(**given):
    """Visits over laboratory values."""
    return Visits("patient", **{"code": "test", "table": "labs"} | given)


def counted(*values, **given):
    """Rows with any of some tests."""
    return Trailing("patient", ("count",), (1,), where=("test", values), table="labs", **given)


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (Trailing("patient", ("count",), (1,), table="lab"), "Did you mean 'labs'"),
        (Trailing("patient", ("count",), (1,), table="visits"), "own table. Leave table out"),
        (Trailing("patient", ("count",), (1,), table="patients"), "is static, and a window"),
        (Trailing("patients", ("count",), (1,), table="labs"), "Did you mean 'patient'"),
        (Trailing("patient", ("mean",), (1,), column="values", table="labs"), "'value'"),
        (Trailing("patient", ("mean",), (1,), column="test", table="labs"), "of type 'text'"),
        (Trailing("patient", ("mean",), (1,), column="returned", table="labs"), "'returned'"),
        (Trailing("patient", ("last",), (1,), column="lab", table="labs"), "names the row"),
        (Trailing("patient", ("count",), (1,), where=("test", 3), table="labs"), "a text"),
        (Trailing("patient", ("count",), (1,), where=("tset", "a"), table="labs"), "'test'"),
        (Trailing("patient", ("count",), (1,), where=("test", ()), table="labs"), "no values"),
        (counted("hdl", 3), "where value 3 must be a text"),
        (counted("hdl", "ldl", "hdl"), "has the value 'hdl' twice"),
        (counted("hdl", ["ldl"]), "where[1][1] must be a text"),
        (counted("hdl", called="good ones"), "such as 'good_ones'"),
        (Trailing("patient", ("count",), (1,), called="x"), "called='x' without where"),
        (Trailing("patient", ("count",), (40_000,), table="labs"), "36,525; got 40000"),
        (Sequence("patient", ("test",), table="labs"), "of type 'text'"),
        (visits(), "neither codes nor events"),
        (visits(codes=("hdl",)), "codes without column"),
        (visits(events=("hdl",), column="value"), "column='value' without codes"),
        (visits(codes=(3,), column="value"), "code value 3 must be a text"),
        (visits(codes=("hdl",), column="test"), "of type 'text'"),
        (visits(codes=("hdl",), column="value_"), "Did you mean 'value'"),
        (visits(codes=("hdl",), events=("hdl",), column="value"), "would be named 'hdl'"),
        (visits(events=("a/b", "a.b")), "would be named 'a_b'"),
        (visits(events=("hdl",), steps=0), "steps and within_days must be 1 or more"),
        (visits(events=("hdl",), steps=20_000), "steps must be 10,000 or fewer"),
        (visits(events=("hdl",), within_days=40_000), "36,525; got 40000"),
        (visits(events=("hdl",), code="tset"), "Did you mean 'test'"),
        (Visits("patient", code="lab", events=(1,), table="labs"), "names the row"),
        (Visits("patient", code="sex", events=("f",), table="patients"), "is static"),
        (Visits("patient", code="returned", events=(1,)), "reads the label"),
        (visits(events=("hdl",)) >> Hash(9), "takes categorical values"),
        (visits(events=("hdl",)) >> Fill(flag=True), "cannot be applied to a sequence"),
        (Sequence("patient", ("value",), table="patients"), "is static"),
        (Numeric("born", entity="patient"), "entity='patient' without table"),
        (Categorical("sex", table="patients"), "table='patients' without entity"),
        (Numeric("sex", entity="patient", table="patients"), "of type 'text'"),
        (Numeric("birn", entity="patient", table="patients"), "Did you mean 'born'"),
        (Numeric("value", entity="patient", table="labs"), "has an event_time"),
        (Categorical("sex", entity="patient", table="visits"), "own table. Leave table out"),
        (Since("entred", entity="patient", table="patients"), "Did you mean 'entered'"),
        (Since("born", entity="patient", table="patients"), "of type 'integer'. Use timestamp"),
        (
            Since("entered", entity="patient"),
            "Since('entered'): entity='patient' without table",
        ),
        (Since("taken", entity="patient", table="labs"), "has an event_time"),
        (Since("referred", unit="year"), "Did you mean 'years'"),
        (Since("returned"), "is the label"),
        (Since("visit"), "Use a timestamp"),
        (Since("referrd"), "Did you mean 'referred'"),
        (Since("came"), "nothing would have passed"),
        (Numeric("referred"), "Night or Since of it"),
    ],
)
def test_a_feature_over_another_table_is_checked_against_that_table(feature, said):
    assert said in mistakes(feature)


WINDOW = Trailing("patient", ("count",), (1,), table="labs")
BORN = Numeric("born", entity="patient", table="patients")


def test_an_entity_that_the_table_does_not_have_or_has_of_another_type_is_refused():
    without = tuple(c for c in LABS.columns if c.name != "patient")
    tables = (clinic().table, replace(LABS, columns=without), STATIC)
    assert "table labs has no column 'patient'" in mistakes(WINDOW, tables=tables)
    text = lab(Column("patient", "text"))
    assert "'text' in table labs and of type 'integer' in visits" in mistakes(
        WINDOW, tables=text
    )


def test_attributes_need_a_row_for_each_of_the_entity():
    many = replace(STATIC, columns=(*STATIC.columns, Column("n", "integer")), row_id="n")
    tables = (clinic().table, LABS, many)
    assert "Expected patient, of the entity patient" in mistakes(BORN, tables=tables)


def test_a_label_does_not_come_in_by_another_table():
    tables = lab(Column("returned", "flag"))
    window = Trailing("patient", ("rate",), (1,), column="returned", table="labs")
    assert "before it is known" in mistakes(window, tables=tables)
    static = replace(STATIC, columns=(*STATIC.columns, Column("returned", "flag")))
    attribute = Numeric("returned", entity="patient", table="patients")
    said = mistakes(attribute, tables=(clinic().table, LABS, static))
    assert "has the label's name" in said


def test_composite_entities_may_be_attributes_of_a_table_that_they_name():
    pair = ("patient", "born")
    columns = (Column("patient", "integer"), Column("born", "integer"), STATIC.columns[2])
    static = replace(STATIC, columns=columns, row_id=("born", "patient"))
    visits = clinic().table
    visits = replace(visits, columns=(*visits.columns, Column("born", "integer")))
    pipeline = replace(
        clinic(),
        tables=(visits, static),
        entities=(Entity("patient", pair),),
        label=Label("returned", known_after_days=1),
        features=(Categorical("sex", entity="patient", table="patients"),),
    )
    assert require_valid(pipeline)


def test_several_mistakes_are_said_at_once():
    said = mistakes(
        Trailing("patient", ("count",), (1,), table="lab"), Numeric("a", entity="b")
    )
    assert "2 mistakes" in said or "3 mistakes" in said


def test_a_static_table_has_no_known_time_and_another_may_lack_it_in_rows():
    known = Column("known", "timestamp", nullable=True)
    static = replace(STATIC, columns=(*STATIC.columns, known), known_time="known")
    said = mistakes(BORN, tables=(clinic().table, LABS, static))
    assert "known_time 'known' without event_time" in said
    labs = replace(LABS, columns=(*LABS.columns, known), known_time="known")
    assert require_valid(replace(clinic(), tables=(clinic().table, labs, STATIC)))


def test_long_lists_of_values_are_abridged_in_names_and_may_be_called_otherwise():
    many = counted("E10//x", "b", "c")
    assert many.names() == ("patient_labs_count_E10__x_or_2_more_1d",)
    assert counted("a", "b").names() == ("patient_labs_count_a_or_b_1d",)
    assert counted("a", "b", called="both").names() == ("patient_labs_count_both_1d",)
    like = counted("E10//x", "b", "d")
    said = mistakes(many, like)
    assert "'patient_labs_count_E10__x_or_2_more_1d' is declared twice. Give one" in said
    assert "called=" in said
    assert "called=" in mistakes(counted("a/b"), counted("a.b"))
    assert require_valid(replace(clinic(), features=(many, replace(like, called="others"))))
