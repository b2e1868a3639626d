"""CONTRIBUTING's recipes, each followed to the letter in a copy of the tree."""

import pytest

from tests.contributing.recipe import copy_of_the_tree, follow, run

SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "section",
    [
        pytest.param("Add a stage", marks=SLOW),
        "Add an operator",
        "Add a window aggregate",
        pytest.param("Add a network", marks=SLOW),
        pytest.param("Add a head", marks=SLOW),
        pytest.param("Add a pipeline", marks=SLOW),
    ],
)
def test_a_recipe_does_what_it_says(tmp_path, section):
    tree = copy_of_the_tree(tmp_path)
    follow(section, tree)
    run("ruff check --no-cache .", tree)
    run("ruff format --no-cache --check .", tree)
