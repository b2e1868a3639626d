"""One text column for several declared ones: composite row ids and entities.

Why: what is unique, joined, grouped or hashed is one column; which columns make it up is the declaration's.
Promise: different values give different texts (a separator within a value is escaped), the same values
    always the same text, and a null in any part gives null; a person reads it: ``2013-01-01|UA|1545``.
Not here: which columns they are (``Pipeline.composites``).
"""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

SEPARATOR, ESCAPE = "|", "\\"
# Of a time only what is not zero is written: a day by itself is ``2013-01-01``.
ZEROS = (r"\.000000$", " 00:00:00$")


def with_composites(rows: pa.Table, composites: Mapping[str, tuple[str, ...]]) -> pa.Table:
    """The rows with a column for each composite, which is made of the named ones."""
    for name, parts in composites.items():
        rows = rows.append_column(name, joined([rows[part] for part in parts]))
    return rows


def joined(parts: Iterable[pa.ChunkedArray]) -> pa.ChunkedArray:
    """The values of several columns of integers, texts or times as one text a row."""
    return pc.binary_join_element_wise(*map(_text, parts), SEPARATOR)


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = values.cast(pa.string())
    if pa.types.is_timestamp(values.type):
        for zeros in ZEROS:
            texts = pc.replace_substring_regex(texts, zeros, "")
    if not pa.types.is_string(values.type):
        return texts
    for character in (ESCAPE, SEPARATOR):
        texts = pc.replace_substring(texts, character, ESCAPE + character)
    return texts
