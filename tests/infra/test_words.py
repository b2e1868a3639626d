"""The check of words: what it finds, in prose, names and file names, and what it leaves alone."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("words", ROOT / "infra/words.py")
words = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(words)
GLOSSARY = """
## Published names

| name | where |
|---|---|
| `frobbed_on` | a manifest |

## Retired words

| not | but | except |
|---|---|---|
| frob, frobs, frobbed | turn | frob the nob |
| gone wrong | failed | |
| HALT | STOPPED | |
"""


def found(text, path="pipelines/core/days.py"):
    rules = words.retired(GLOSSARY)
    return list(words.findings(path, text, rules, words.published(GLOSSARY)))


@pytest.mark.parametrize(
    "text",
    [
        "They frob it.",
        "def frob_all():",
        "class FrobAll:",
        "_frobbed = 1",
        "FROBS",
        "it has gone wrong",
        "frobbed_on_time",
    ],
)
def test_a_retired_word_is_found_in_prose_and_in_names(text):
    (line,) = found(f"first line\n{text}")
    assert line.startswith("pipelines/core/days.py:2: ")
    assert line.endswith(("(write: turn)", "(write: failed)"))


@pytest.mark.parametrize(
    "text", ["frobnicate", "They frob the nob.", "config['frobbed_on']", ""]
)
def test_other_words_phrases_and_published_names_are_fine(text):
    assert found(text) == []


def test_a_word_in_capitals_is_a_value_and_refused_in_capitals_alone():
    assert found("a halt, Halt, halted") == []
    assert found('verdict = "HALT"') == ["pipelines/core/days.py:1: 'HALT' (write: STOPPED)"]


def test_a_files_name_is_read_too():
    assert found("", "tests/test_frobbed.py") == [
        "tests/test_frobbed.py:name: 'frobbed' (write: turn)"
    ]


def test_the_repositorys_own_table_is_read():
    rules = words.retired((ROOT / words.GLOSSARY).read_text())
    assert len(rules) >= 10
    assert list(words.findings("x.py", "It t" + "ells.", rules)) != []
    assert words.published((ROOT / words.GLOSSARY).read_text())
