"""Names of branches, and addresses of a store that name one.

Why: a branch is chosen once, by an option or a form, and every process that works for it must get it
    wherever it gets the store.
Promise: the address of a store with a branch is one text, ``<uri>?branch=NAME``, and is taken wherever a
    store's address is; ``main``, and no branch at all, are the address itself.
Not here: what a branch holds (``branch_store.py``).
"""

import re

from pipelines.core.errors import ConfigError

MAIN, IN_ADDRESS = "main", "?branch="
LONGEST = 64
NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]*"
# What an unset variable or a wildcard leaves, or what people call main.
RESERVED = frozenset(
    {MAIN, "all", "none", "null", "head", "published", "production", "dropped"}
)


def branch_named(given: str) -> str:
    """The branch of that name; empty for ``main``.

    Raises:
        ConfigError: It is no name of a branch; says what one consists of.
    """
    if given == MAIN:
        return ""
    if not given.strip():
        raise ConfigError(
            "The branch's name is empty. Leave the branch out to work on main, or name one, such as "
            "looser-amounts."
        )
    if len(given) > LONGEST or not re.fullmatch(NAME_PATTERN, given) or given.endswith("."):
        raise ConfigError(
            f"{given!r} is not the name of a branch. Use up to {LONGEST} letters without accents, "
            f"digits, '-', '_' and '.', a letter or a digit first and no '.' last."
        )
    if given.lower() in RESERVED:
        raise ConfigError(
            f"{given!r} is reserved and cannot name a branch. Leave the branch out to work on main, or "
            f"choose another name, such as {given.lower()}-2."
        )
    return given


def on_branch(store: str, branch: str | None) -> str:
    """The address of a store's branch; the store's own where None or ``main`` is given.

    Raises:
        ConfigError: It is no name of a branch, or the address names another one.
    """
    if branch is None:
        return store
    uri, named = split_address(store)
    wanted = branch_named(branch)
    if IN_ADDRESS in store and named != wanted:
        raise ConfigError(
            f"The store {store} names the branch {named or MAIN} and --branch {branch} another one. "
            f"Pass one of them."
        )
    return address(uri, wanted)


def address(uri: str, branch: str) -> str:
    """The address of a branch of a store; empty stands for main."""
    return f"{uri}{IN_ADDRESS}{branch}" if branch else uri


def split_address(store: str) -> tuple[str, str]:
    """The store's own address and the branch, empty for main, of an address.

    Raises:
        ConfigError: What it names is no name of a branch.
    """
    uri, named, branch = store.partition(IN_ADDRESS)
    return uri, branch_named(branch) if named else ""


def name_on_branch(pipeline: str, branch: str) -> str:
    """What a pipeline's registered model and experiment are called on a branch.

    A branch has its own, so that nothing of it moves production's champion.
    """
    return f"{pipeline}@{branch}" if branch else pipeline
