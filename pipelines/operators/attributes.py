"""Attributes: columns of a static table that a row reads by one of its entities.

Not here: reading them (``pipelines/stages/featurize/attributes.py``).
"""

from collections.abc import Iterator


def attribute_problems(
    kind: str, column: str, entity: str | None, table: str | None
) -> Iterator[str]:
    """An attribute is declared by its entity and its table, both or neither."""
    if (entity is None) != (table is None):
        given, missing = ("entity", "table") if table is None else ("table", "entity")
        yield (
            f"{kind}({column!r}): {given}={entity or table!r} without {missing}. An attribute needs "
            f"both: {kind}({column!r}, entity=..., table=...)."
        )
