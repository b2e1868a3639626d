"""The reference of declarations: made from the classes, with examples that are valid."""

import importlib.util
import runpy
from pathlib import Path

import pytest

from pipelines import spec
from pipelines.core.declared import mistakes_in
from pipelines.spec import Chain, require_valid

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location(
    "reference", ROOT / "infra/write_declaration_reference.py"
)
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)
EXAMPLES = sorted(reference.EXAMPLES.glob("*.py"))
WHOLE = [path for path in EXAMPLES if path.stem not in {"parts", "own_network"}]


def test_the_page_is_made_from_the_classes_and_the_examples():
    again = "run: python infra/write_declaration_reference.py"
    assert reference.PAGE.read_text() == reference.page(), again


def test_every_class_that_a_declaration_can_name_is_on_the_page():
    page = reference.PAGE.read_text()
    named = {getattr(spec, name) for name in spec.__all__}
    declared = {c.__name__ for c in named if isinstance(c, type) and hasattr(c, "__mro__")}
    on_page = {name for name in declared if f"### {name}\n" in page}
    bases = {
        "AnyModel",
        "Chain",
        "Divide",
        "FeatureSource",
        "Head",
        "LayeredModel",
        "ModelDays",
    }
    assert declared - on_page == bases | {"Operator"}
    assert {"Pipeline", "Query", "LakeTable", "Trailing", "Survival", "DayGate"} <= on_page


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_a_whole_example_has_no_mistake(path):
    assert require_valid(runpy.run_path(str(path))["PIPELINE"]).name == path.stem


def test_each_part_has_no_mistake():
    parts = runpy.run_path(str(reference.EXAMPLES / "parts.py"))["PARTS"]
    for part in parts:
        assert not list(mistakes_in(part)), part
        chained = part.problems() if isinstance(part, Chain) else ()
        assert not list(chained), part


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("attributes", r"Entity\.name has no line in its docstring's Attributes"),
        ("examples", r"Entity is in no example. Add a call of it to docs/examples/parts\.py"),
    ],
)
def test_what_is_not_documented_is_named(monkeypatch, lost, message):
    monkeypatch.setattr(reference, lost, lambda *_: {})
    with pytest.raises(SystemExit, match=message):
        reference.page()
