"""Operators of a user's own are part of what names the code of the stages that use them."""

import sys
import textwrap

import pytest

from pipelines.protocol.declared_code import declared_code
from pipelines.protocol.identity.sources import Sources
from pipelines.protocol.identity.working_out import worked_out
from pipelines.spec import load

DECLARATION = """
from pipelines.spec import *
from .scaling import Doubled

PIPELINE = Pipeline(
    name="odd_scaling", title="Odd", meaning="Odd.",
    tables=(Table(name="events", row_id="id", event_time="at",
        source=Source(path="ds={day}/*.parquet", format="parquet"),
        columns=(Column("id", "integer", "Id."), Column("at", "timestamp", "When."),
            Column("value", "number", "Measured."), Column("who", "integer", "Whom."),
            Column("label", "flag", "Truth.", values=(0, 1)))),),
    examples="events",
    entities=(Entity("entity", "who"),),
    label=Label("label", known_after_days=1),
    features=(Numeric("value") >> Doubled(), Trailing("entity", ("count",), (1,))),
    split=Split(train_days=2, gap_days=1, test_days=1),
    evaluation=Evaluation(alert_entity="entity"),
    schedule=Schedule(start="2026-01-01"),
)
"""
SCALING = """
from pipelines.core.declared import declared
from pipelines.operators.operator import Operator
from .arithmetic import twice


@declared
class Doubled(Operator):
    def name(self, before): return f"{before}_twice"
    def transform(self, xp, values, fit): return (twice(values),)
    def graph(self, tf, values, fit, tables): return (twice(values),)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "odd_scaling"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "declaration.py").write_text(DECLARATION)
    (folder / "scaling.py").write_text(textwrap.dedent(SCALING))
    (folder / "arithmetic.py").write_text("def twice(x):\n    return 2 * x\n")
    monkeypatch.setenv("MILLRACE_PIPELINES", str(tmp_path))
    yield folder
    for name in [n for n in sys.modules if n.startswith("pipelines.projects.odd_scaling")]:
        del sys.modules[name]


def test_what_an_own_operator_calls_names_the_code(project):
    roots = declared_code(load("odd_scaling").features)
    assert roots == ("pipelines.projects.odd_scaling.scaling.Doubled.*",)
    before = worked_out(Sources(["pipelines"]), roots)
    assert "twice" in before["units"]["pipelines.projects.odd_scaling.arithmetic"]
    (project / "arithmetic.py").write_text("def twice(x):\n    return x + x\n")
    assert worked_out(Sources(["pipelines"]), roots)["digest"] != before["digest"]


def test_classes_of_the_library_are_left_to_identity():
    assert declared_code(load("fraud_detection").features) == ()
