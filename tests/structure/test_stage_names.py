"""A stage is listed in its own record alone: no code elsewhere spells a stage's name.

Most of the names are English verbs, one is a noun, so a sentence may use them ("train on more days"); what names a stage
in a sentence is "run train", "the task promote" or "what validate refused".
"""

import ast
import re
from pathlib import Path

import pytest

from pipelines.protocol import stages

ROOT = Path(__file__).resolve().parents[2]
NAMES = [stage.name for stage in stages()]
# Words of a sentence too: verbs, and the noun for those of whom a model is made.
VERBS = {
    "validate",
    "tune",
    "train",
    "evaluate",
    "promote",
    "cohort",
    "score",
    "settle",
    "watch",
}
# What every model predicts is a column of that name.
COLUMNS = {"score"}

# The part of a model's days that is called so in published files.
EXCUSED = {("pipelines/spec/split.py", "train")}
# The setting that names the metric which chooses the epoch.
EXCUSED |= {("pipelines/spec/checks/training.py", "watch")}


def named(text):
    """Names of stages that a text of the code spells."""
    for name in NAMES:
        word = rf"(?<![\w.\-]){name}(?![\w\-])"
        sentence = rf"([Rr]un|task|what|have) {word}|{word} (again\b|refused|for (it|them))"
        path = rf"stages[./]{name}\b"
        if (
            (text == name and name not in COLUMNS)
            or re.search(path, text)
            or re.search(sentence if name in VERBS else word, text)
        ):
            yield name


def texts_of(source):
    """String constants, those of f-strings among them, that are neither docstrings nor exports."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    exported = {id(name) for node in ast.walk(tree) if is_all(node) for name in ast.walk(node)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in prose | exported:
            yield node.lineno, node.value


def is_all(node):
    """Whether it says which functions a module exports, of which one may be called ``promote``."""
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def spelled(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        for line, text in texts_of(path.read_text()):
            for name in named(text):
                own = where.startswith(f"pipelines/stages/{name}/")
                if not own and (where, name) not in EXCUSED:
                    yield f"{where}:{line}: {name!r} in {text[:80]!r}"


@pytest.mark.parametrize("folder", ["pipelines", "plugins", "dags"])
def test_no_code_outside_a_stages_folder_spells_its_name(folder):
    found = list(spelled(folder))
    assert not found, "Take the name from the record (stage_of, giver_of):\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ingest", ["ingest"]),
        ("train", ["train"]),
        ("Run ingest and validate again.", ["ingest", "validate"]),
        (". Run train as of ", ["train"]),
        ("look at what validate refused", ["validate"]),
        ("pipelines.stages.tune.stage", ["tune"]),
        ("Train on more days, or promote it by hand", []),
        ("training.train_days", []),
        ("pass --promote NUMBER", []),
        ("ingested", []),
    ],
)
def test_what_counts_as_spelling_a_name(text, names):
    assert list(named(text)) == names


def test_a_name_in_a_docstring_is_prose_and_one_in_an_f_string_is_code():
    source = 'def f(x):\n    """Run ingest."""\n    return f"{x}: run ingest"\n'
    assert list(texts_of(source)) == [(3, ": run ingest")]
