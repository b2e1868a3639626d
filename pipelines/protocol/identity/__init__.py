"""Identity: what names the code of a stage, found from its source and typed nowhere.

Promise: importing this package reads no source.
"""

from pipelines.protocol.identity.code import (
    OWN,
    Reached,
    code_by_class,
    code_of,
    dotted,
    reached,
    reached_from,
    same_code,
    units_of,
)

__all__ = [
    "OWN",
    "Reached",
    "code_by_class",
    "code_of",
    "dotted",
    "reached",
    "reached_from",
    "same_code",
    "units_of",
]
