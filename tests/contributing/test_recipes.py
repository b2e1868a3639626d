"""CONTRIBUTING's recipes, each followed to the letter in a copy of the tree."""

import pytest

from tests.contributing.recipe import copy_of_the_tree, follow


@pytest.mark.parametrize(
    "section",
    [
        "Add a stage",
        "Add an operator",
    ],
)
def test_a_recipe_does_what_it_says(tmp_path, section):
    follow(section, copy_of_the_tree(tmp_path))
