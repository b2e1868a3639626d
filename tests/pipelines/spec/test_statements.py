"""The text of a declared SELECT."""

import sqlite3

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from pipelines.spec.statements import as_subquery, parameters, statement_problems

PARTS = st.lists(
    st.sampled_from(
        [
            *(
                "' :start'",
                "'it''s :x; --'",
                '" :end"',
                "-- :note ; '\n",
                "/* :a ; */",
                ":start",
            ),
            *(":end", "::text", "12:30", "a", "(", ")", ",", " ", "\n", "'12:30 :b'", "`:q`"),
        ]
    ),
    max_size=12,
).map(" ".join)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "Write a SELECT"),
        ("   \n", "Write a SELECT"),
        (None, "Write a SELECT"),
        ("INSERT INTO a VALUES (1)", "begins with 'INSERT'"),
        ("-- SELECT\nDELETE FROM a", "begins with 'DELETE'"),
        ("SELECT 1; SELECT 2", "more than one statement"),
        ("SELECT :start", "no :end"),
        ("SELECT :end", "no :start"),
        ("SELECT :start, :end, :ends", "Did you mean 'end'"),
    ],
)
def test_a_mistake_is_found_without_a_database(sql, words):
    assert any(words in problem for problem in statement_problems(sql, "here"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "(SELECT 1)",
        "with a as (select 1) select * from a;",
        "-- a note; DELETE\nSELECT t::date FROM a WHERE t >= :start AND t < :end; -- the end",
        "SELECT ';', ':x', \"a;b\", $$ ; :y $$, $t$ it's ; $t$ FROM a",
        "/* ; */ SELECT a[1:2] FROM a",
    ],
)
def test_what_is_in_quotation_marks_or_comments_is_no_mistake(sql):
    assert list(statement_problems(sql, "here")) == []


@given(PARTS)
def test_sqlalchemy_finds_the_same_parameters(sql):
    compiled = sa.text(as_subquery(sql)).compile(dialect=sqlite.dialect(paramstyle="named"))
    assert set(compiled.params) == parameters(sql)


@given(st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=20))
def test_any_text_in_quotation_marks_reaches_the_database_unchanged(text):
    quoted = text.replace("'", "''")
    inner = as_subquery(f"SELECT '{quoted}' AS a -- ;")
    statement = sa.text(f"SELECT * FROM ({inner})")
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(":memory:"))
    with engine.connect() as connection:
        assert connection.execute(statement).scalar_one() == text
