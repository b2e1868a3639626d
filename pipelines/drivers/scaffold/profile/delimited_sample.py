"""Read a bounded sample of CSV files, and find how they are written.

Why: the delimiter, the words for a null and the escapes are to be found once, not to be guessed at by
    the first refused day.
Promise: the values are those that ingest reads with the settings found; large plain files are read in
    parts from their start to their end.
Not here: the types of the columns (``columns.py``).
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from pipelines.core.errors import SourceUnreadableError
from pipelines.drivers.scaffold.profile.number_texts import NUMBER
from pipelines.spec import Source
from pipelines.stages.ingest.formats.lines import Lines
from pipelines.stages.ingest.formats.stream import CsvStream, opened

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_BYTES, SNIFFED_LINES = 1 << 16, 200
LEAST_ALIKE, COMPARED_BYTES = 0.5, 256
# Of a compressed file whose end was not reached; how much follows cannot be known.
UNKNOWN_SHARE = 0.5
PARTS = 8
# Words for an unknown number or time, and those of them that are no value of a text either.
NULL_WORDS = (
    *(
        "?",
        "NA",
        "N/A",
        "n/a",
        "NaN",
        "nan",
        "NULL",
        "null",
        "Null",
        "\\N",
        "#N/A",
        "na",
        "<NA>",
    ),
    *("-", "--", ".", "..", "...", "None", "none", "nil", "unknown", "Unknown", "UNKNOWN"),
    *("missing", "Missing", "-nan", "#VALUE!", "#DIV/0!", "not available", "unk"),
)
PLAIN_AMOUNT, LEAST_AMOUNTS = re.compile(r"([+-]?\d+([.,]\d+)?)?"), 10
NULLS_OF_TEXT = NULL_WORDS[: NULL_WORDS.index("-")]


@dataclass(frozen=True, slots=True)
class TextSample:
    """Rows of CSV files, every value a text; ``settings`` are those of ``Source``."""

    rows: pa.Table
    total: int
    whole: bool
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Bytes of a file without its first line, whether they are all, and the share that they are."""

    header: tuple[str, ...]
    body: bytes
    share: float


def read_delimited_sample(files: Sequence[Path], most_bytes: int) -> TextSample:
    """Some rows of each file.

    Raises:
        SourceUnreadableError: A file is empty, not UTF-8, or has no names of columns.
    """
    begin = _begin(files[0])
    delimiter = sniffed_delimiter(begin)
    share, fields = _fit(begin.splitlines()[:SNIFFED_LINES], delimiter)
    if fields and share < LEAST_ALIKE:
        raise SourceUnreadableError(
            f"Source file {files[0].name}: only {share:.0%} of its first lines have {fields} fields as "
            f"the first has, parted by {delimiter!r}. Expected a table, a row a line"
        )
    escape = "\\" if _escapes(begin, delimiter) else None
    dialect = Source(format="csv", delimiter=delimiter, escape=escape)
    parts = [_parts(path, dialect, most_bytes) for path in files]
    nulls = _null_words(_parsed(parts, dialect))
    rows = _parsed(parts, replace(dialect, nulls=nulls))
    total = round(rows.num_rows / max(sum(p.share for p in parts) / len(parts), 1e-9))
    settings = _changed(dialect) | ({"nulls": nulls} if nulls != ("",) else {})
    return TextSample(rows, total, all(p.share == 1 for p in parts), settings)


def _changed(source: Source) -> dict[str, object]:
    plain = Source()
    found: dict[str, object] = {"format": "csv"}
    for name in ("delimiter", "escape"):
        if getattr(source, name) != getattr(plain, name):
            found[name] = getattr(source, name)
    return found


def _begin(path: Path) -> str:
    with opened(path, path.name) as stream:
        content = first_bytes(stream, SNIFFED_BYTES)
    whole_lines = content[: content.rfind(b"\n") + 1] or content
    return _decoded(whole_lines, path)


def first_bytes(stream: CsvStream, most: int) -> bytes:
    """At most so many bytes of a stream, which gives as many at a time as it likes."""
    parts: list[bytes] = []
    while most > 0 and (part := stream.read(most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceUnreadableError(
            f"Source file {path.name} is not UTF-8 text (byte {error.start}). Expected CSV in UTF-8. "
            f"Write it again in that encoding"
        ) from error


def sniffed_delimiter(text: str) -> str:
    """The delimiter that parts most lines into as many fields as the first, more than one."""
    lines = text.splitlines()[:SNIFFED_LINES]
    return max(DELIMITERS, key=lambda mark: _fit(lines, mark))


def _fit(lines: Sequence[str], mark: str, escape: str | None = None) -> tuple[float, int]:
    rows = [row for row in csv.reader(lines, delimiter=mark, escapechar=escape) if row]
    if not rows or len(rows[0]) < 2:  # noqa: PLR2004  one field is no table
        return 0.0, 0
    like_first = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    return round(like_first, 2), len(rows[0])


def _escapes(text: str, mark: str) -> bool:
    """Whether a backslash escapes quotation marks."""
    lines = text.splitlines()[:SNIFFED_LINES]
    return '\\"' in text and _fit(lines, mark, "\\") > _fit(lines, mark)


def _parts(path: Path, dialect: Source, most_bytes: int) -> _Parts:
    lines = Lines(path, path.name, dialect)
    header = tuple(lines.header())
    if all(NUMBER.fullmatch(name.strip()) for name in header):
        raise SourceUnreadableError(
            f"Source file {path.name}: the first line has numbers ({', '.join(header[:5])}), no names "
            f"of columns. Expected a line of names first. Add one"
        )
    with opened(path, path.name) as stream:
        content = first_bytes(stream, most_bytes)
        rest = len(stream.read(1))
    first_line = content.find(b"\n") + 1 or len(content)
    if not rest:
        return _Parts(header, content[first_line:], 1.0)
    if not _is_plain(path, content):  # only the start of a compressed file is at hand
        body = _whole_lines(content[first_line:])
        return _Parts(header, body, UNKNOWN_SHARE)
    body = b"".join(_spread_parts(path, first_line, most_bytes))
    return _Parts(header, body, len(body) / path.stat().st_size)


def _is_plain(path: Path, content: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(COMPARED_BYTES) == content[:COMPARED_BYTES]


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _spread_parts(path: Path, first: int, most_bytes: int) -> Iterator[bytes]:
    """Whole lines of a plain file at even distances, its first and its last among them."""
    size, each = path.stat().st_size, most_bytes // PARTS
    with path.open("rb") as file:
        for number in range(PARTS):
            start = first + (size - first - each) * number // (PARTS - 1)
            file.seek(start)
            content = file.read(each)
            begin = 0 if number == 0 else content.find(b"\n") + 1
            body = content[begin:]
            yield body if number == PARTS - 1 else _whole_lines(body)


def _parsed(parts: Sequence[_Parts], dialect: Source) -> pa.Table:
    tables = [_table(part, dialect) for part in parts]
    return pa.concat_tables(tables, promote_options="default")


def _table(part: _Parts, dialect: Source) -> pa.Table:
    names = [str(n) for n in range(len(part.header))]
    if not part.body.strip():
        rows = pa.table({name: pa.array([], pa.string()) for name in names})
    else:
        rows = arrow_csv.read_csv(
            pa.BufferReader(part.body),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter,
                escape_char=dialect.escape or False,
                newlines_in_values=True,
                invalid_row_handler=lambda _row: "skip",
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=list(dialect.nulls),
            ),
        )
    return _named(rows, part.header)


def _named(rows: pa.Table, header: Sequence[str]) -> pa.Table:
    """The columns that have a name of their own: one without, or one of several alike, is left out."""
    own = [n for n, name in enumerate(header) if name.strip() and header.count(name) == 1]
    return rows.select(own).rename_columns([header[n] for n in own])


def _null_words(rows: pa.Table) -> tuple[str, ...]:
    """Words that stand for a null: of numbers and times any, of texts those that are no value."""
    found: set[str] = set()
    for values in rows.columns:
        found |= _nulls_of(pc.unique(values.combine_chunks()).drop_null().to_pylist())
    return ("", *sorted(found))


def _nulls_of(known: Sequence[str]) -> set[str]:
    """Those of a column's different texts that stand for a null."""
    here = {word for word in known if word.strip() in NULL_WORDS}
    others = [word for word in known if word not in here]
    if word := _sole_word(others):
        return here | {word}
    numbers = bool(others) and all(_is_amount(word) for word in others[:5_000])
    return here if numbers else here & set(NULLS_OF_TEXT)


def _sole_word(texts: Sequence[str]) -> str:
    """The only word among numbers with decimals, such as ``s/d``: no id, so it is no value either."""
    odd = [text for text in texts if not PLAIN_AMOUNT.fullmatch(text.strip())]
    if len(odd) != 1 or re.search(r"\d", odd[0]) or len(texts) < LEAST_AMOUNTS:
        return ""
    decimals = any(re.search(r"\d[.,]", text) for text in texts)
    return odd[0] if decimals else ""


def _is_amount(text: str) -> bool:
    """Whether a text begins as a number or a date does."""
    trimmed = text.strip()
    return not trimmed or trimmed.lstrip("+-.,")[:1].isdigit()
