"""Names of branches, and the addresses that carry them."""

import pytest

from pipelines.core.errors import ConfigError
from pipelines.core.store import Store
from pipelines.core.store.branch_names import LONGEST, branch_named, name_on_branch, on_branch


@pytest.mark.parametrize(
    "name", ["a", "looser-rules", "v2.1", "A_b", "2026-05", "feature.x_1", "m" * LONGEST]
)
def test_a_name_of_letters_digits_and_marks_is_a_branch(name):
    assert branch_named(name) == name
    assert Store("/s", name).address == f"/s?branch={name}"
    assert Store(f"/s?branch={name}") == Store("/s", name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("a/b", "not the name"),
        ("../up", "not the name"),
        (".hidden", "not the name"),
        ("-x", "not the name"),
        ("ends.", "not the name"),
        ("two words", "not the name"),
        ("naïve", "not the name"),
        ("a?branch=b", "not the name"),
        ("a:b", "not the name"),
        ("a\n", "not the name"),
        ("m" * (LONGEST + 1), "not the name"),
        ("Main", "reserved"),
        ("None", "reserved"),
        ("HEAD", "reserved"),
        ("all", "reserved"),
    ],
)
def test_anything_else_is_refused_with_what_a_name_consists_of(name, says):
    with pytest.raises(ConfigError, match=says):
        branch_named(name)
    with pytest.raises(ConfigError):
        Store(f"/s?branch={name}")


def test_main_by_its_name_is_no_branch():
    assert branch_named("main") == ""
    assert Store("/s?branch=main") == Store("/s", "main") == Store("/s")
    assert on_branch("/s", "main") == on_branch("/s", None) == "/s"
    assert name_on_branch("fraud", "") == "fraud"


def test_an_address_and_an_option_that_name_two_branches_are_refused():
    assert on_branch("s3://b/x?branch=a", "a") == "s3://b/x?branch=a"
    with pytest.raises(ConfigError, match="names the branch a and --branch b another one"):
        on_branch("s3://b/x?branch=a", "b")
    with pytest.raises(ConfigError, match="Pass one of them"):
        on_branch("/s?branch=a", "main")
