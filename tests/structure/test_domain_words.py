"""Stages, plugins and pages serve every domain, so they name none."""

import ast
import re
from pathlib import Path

import pytest

from pipelines.spec import load_all

ROOT = Path(__file__).parents[2]
ROOMS = ("pipelines/stages", "pipelines/shared", "pipelines/protocol", "plugins")
# What people in each field would say beside the names in the declarations.
SAID = {"fraud", "fraudulent", "compromised", "cardholder", "patient", "patients", "disease"}
SAID |= {"diagnosis", "hospital", "nafld", "diabetes"}
# Names in declarations that mean the same everywhere.
GENERAL = {
    "code",
    "time",
    "value",
    "events",
    "landmarks",
    "age",
    "landmark_id",
    "landmark_time",
}
GENERAL |= {"followed_until"}  # of every outcome
GENERAL |= {"subject_id", "numeric_value", "event_id", "repeat", "sex"}  # of the MEDS standard
GENERAL |= {"transactions"}  # in the names of journals
# What datasets of an older MEDS have, by which they are recognised.
STANDARDS = {"pipelines/stages/ingest/formats/meds_schema.py"}


def words_of_domains():
    """Names of the shipped pipelines, their tables, columns and entities."""
    found = set(SAID)
    for pipeline in load_all():
        found |= {pipeline.name, *(entity.name for entity in pipeline.entities)}
        found |= {table.name for table in pipeline.tables}
        found |= {name for table in pipeline.tables for name in table.column_names()}
    return found - GENERAL


def without_sources(text):
    """The text without what it quotes: titles of papers name fields."""
    return re.sub(r'"[^"\n]*(\n\s+[^"\n]*)?"', "", text)


def names_and_texts(tree):
    """Every identifier and every text of a module."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            if isinstance(value := getattr(node, field, None), str):
                yield value, getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield without_sources(node.value), node.lineno


def words(text):
    """Whole identifiers, and the words in them."""
    names = re.findall(r"\w+", text.lower())
    return {*names, *(part for name in names for part in name.split("_"))}


@pytest.mark.parametrize("room", ROOMS)
def test_no_code_for_all_domains_names_one(room):
    unwanted = words_of_domains()
    found = []
    for path in sorted((ROOT / room).rglob("*.py")):
        for text, line in names_and_texts(ast.parse(path.read_text())):
            if path.relative_to(ROOT).as_posix() in STANDARDS:
                continue
            if named := sorted(words(text) & unwanted):
                found.append(f"{path.relative_to(ROOT)}:{line}: {', '.join(named)}")
    for path in sorted((ROOT / room).rglob("*.j2")):
        if named := sorted(words(path.read_text()) & unwanted):
            found.append(f"{path.relative_to(ROOT)}: {', '.join(named)}")
    assert not found, "Say it for every domain:\n  " + "\n  ".join(found)
