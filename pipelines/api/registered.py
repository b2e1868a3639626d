"""Finding one registered version of a model.

Not here: promoting it (``registry.py``), opening its files (``store.py``).
"""

from pipelines.core.errors import ConfigError, listed
from pipelines.core.store import Store
from pipelines.core.store.branch_names import name_on_branch
from pipelines.shared.registry import Version, read_registry, registry_uri


def registered_version(
    store: Store, pipeline: str, number: int | str | None, mlflow_uri: str | None
) -> Version:
    """The registered version of that number; the champion for None or ``champion``.

    Raises:
        ConfigError: There is none; says which there are.
    """
    uri = registry_uri(store, mlflow_uri)
    held = read_registry(uri, name_on_branch(pipeline, store.branch))
    if store.branch and not held.versions:
        held = read_registry(uri, pipeline)
    champion = number in (None, "champion")
    found = held.current() if champion else held.version(version_number(number))
    if found is None:
        known = listed(version.number for version in reversed(held.versions))
        what = "champion" if champion else f"version {number}"
        raise ConfigError(
            f"{pipeline} has no {what} in {store.uri}. Registered versions: {known}. Pass the number of "
            f"one, promote one, or choose a published model by as_of."
        )
    return found


def version_number(version: object) -> int:
    """The number of a version, as a user gives it.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(version, bool) or not isinstance(version, int):
        raise ConfigError(
            f"A version is the number that models() lists, such as 3, or the digest of one in the "
            f"store (16 to 64 hexadecimal digits); got {version!r}."
        )
    return version
