"""Names of feature columns that are made from declared values.

Why: a column's name is an input of the served model, and TensorFlow takes letters, digits and underscores
    there; codes of medical records have slashes, spaces and dots.
"""

import re

OTHER = re.compile(r"[^A-Za-z0-9_]")


def in_name(value: object) -> str:
    """A value as a part of a column's name: ``LAB//50912//mg/dL`` is ``LAB__50912__mg_dL``."""
    return OTHER.sub("_", str(value))


def in_name_any(values: tuple[object, ...]) -> str:
    """Several values as a part of a name: ``E10_or_E11``, or ``E10_or_3_more``."""
    first, *more = map(in_name, values)
    if len(more) > 1:
        return f"{first}_or_{len(more)}_more"
    return "_or_".join([first, *more])
