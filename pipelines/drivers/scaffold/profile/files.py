"""Find the files of a table, and the path template that names their partitions.

Why: ``flights-2013-01.csv`` and ``ds=2026-01-31/part-0.parquet`` say by their names how a table is
    divided; nobody should have to write that down twice.
Promise: the template, filled in for a file's own partition, matches that file; hidden files and those
    of other formats are passed over.
Not here: the content of the files (``sample.py``).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path, PurePosixPath

from pipelines.core.errors import ConfigError, listed
from pipelines.core.partitions import DAY, HOUR, MONTH, QUARTER, WEEK, YEAR
from pipelines.spec.path_fields import path_problems

SUFFIXES = {
    "csv": ("csv", "tsv", "txt", "dat", "tab", "psv"),
    "parquet": ("parquet", "pq", "parq"),
    "json": ("jsonl", "ndjson", "json"),
    "excel": ("xlsx", "xls", "xlsb", "ods"),
    "orc": ("orc",),
    "feather": ("feather", "arrow", "ipc"),
}
FORMAT_OF = {suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes}
COMPRESSED = ("gz", "zst", "zstd", "bz2", "zip")
MOST_FILES = 100_000

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_HOUR = r"(?:[01]\d|2[0-3])"
# The first that matches at a position is taken, so longer ones come first.
DATES: tuple[tuple[str, str], ...] = (
    (rf"{_YEAR}-{_MONTH}-{_DAY}(?=[T_ -]{_HOUR}(?!\d))", "{day}"),
    (rf"(?<=\d\d\d\d-\d\d-\d\d[T_ -]){_HOUR}", "{hour}"),
    (rf"{_YEAR}-{_MONTH}-{_DAY}", "{day}"),
    (rf"(?<=year=){_YEAR}", "{year}"),
    (rf"(?<=month=){_MONTH}", "{month}"),
    (rf"(?<=day=){_DAY}", "{dayofmonth}"),
    (rf"(?<=hour=){_HOUR}", "{hour}"),
    *(
        (
            rf"{_YEAR}[{mark}]{_MONTH}[{mark}]{_DAY}",
            f"{{year}}{mark}{{month}}{mark}{{dayofmonth}}",
        )
        for mark in "_./"
    ),
    (rf"{_YEAR}{_MONTH}{_DAY}", "{year}{month}{dayofmonth}"),
    *((rf"{_YEAR}{mark}W\d\d", f"{{year}}{mark}W{{week}}") for mark in ("-", "_", "")),
    *((rf"{_YEAR}{mark}Q[1-4]", f"{{year}}{mark}Q{{quarter}}") for mark in ("-", "_", "")),
    (r"(?<=week=)\d\d", "{week}"),
    (r"(?<=quarter=)[1-4]", "{quarter}"),
    *((rf"{_YEAR}[{mark}]{_MONTH}", f"{{year}}{mark}{{month}}") for mark in "-_./"),
    (rf"{_YEAR}{_MONTH}", "{year}{month}"),
    (rf"{_YEAR}", "{year}"),
)
_ANY_DATE = "|".join(f"(?P<d{n}>{pattern})" for n, (pattern, _) in enumerate(DATES))
DATE = re.compile(rf"(?<!\d)(?:{_ANY_DATE})(?!\d)")
GRAIN_OF = {
    "{hour}": HOUR,
    "{day}": DAY,
    "{dayofmonth}": DAY,
    "{week}": WEEK,
    "{month}": MONTH,
    "{quarter}": QUARTER,
    "{year}": YEAR,
}
_FIELD = re.compile(r"\{\w+\}")
# Fields stand as single characters while templates are compared.
_AS_CHARACTER = {field: chr(0xE000 + n) for n, field in enumerate(GRAIN_OF)}
_ESCAPED = str.maketrans({"{": "{{", "}": "}}", "[": "*", "]": "*", "?": "*"})


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files of a table.

    Attributes:
        root: The folder to give as ``--source``.
        template: Path below it, as ``Source.path`` wants it.
        grain: What a file's name says a partition is; empty where it says nothing.
        format: One of ``SOURCE_FORMATS``.
        files: The files, in the order of the times that they are of.
        passed_over: Number of other files in the folder.
    """

    root: Path
    template: str
    grain: str
    format: str
    files: tuple[Path, ...]
    passed_over: int = 0


def find_files(path: Path) -> FoundFiles:
    """The table that a file or a folder is.

    Raises:
        ConfigError: It does not exist, cannot be read, or no file in it is of a known format.
    """
    path = path.expanduser().absolute()
    try:
        if path.is_dir():
            return _folder(path)
        with path.open("rb") as file:
            found = _format(path.name) or _format_by_content(file.read(8))
    except OSError as error:
        raise ConfigError(
            f"--from {path}: {(error.strerror or str(error)).lower()}. Give a file or a folder that "
            f"this user can read, or the URI of a database with --query or --table."
        ) from error
    return FoundFiles(path.parent, _escaped(path.name), "", found, (path,))


def _folder(root: Path) -> FoundFiles:
    held = list(islice(_walk(root), MOST_FILES))
    formats = Counter(name for path in held if (name := _format(path.name)))
    if not formats:
        names = [path.relative_to(root).as_posix() for path in held]
        raise ConfigError(
            f"--from {root}: no file of a known format (it has {listed(names) or 'no files'}). "
            f"Expected files that end in .{', .'.join(FORMAT_OF)}, compressed or not."
        )
    (kind, _), *_ = formats.most_common(1)
    of_kind = [path for path in held if _format(path.name) == kind]
    template, files = _template(root, sorted(of_kind, key=lambda path: _dates(root, path)))
    return FoundFiles(root, template, grain_of(template), kind, files, len(held) - len(files))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _format(name: str) -> str:
    """The format that a file's name says; empty for none."""
    suffixes = [suffix.lstrip(".").lower() for suffix in PurePosixPath(name).suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return FORMAT_OF.get(suffixes[-1], "") if suffixes else ""


def _format_by_content(begin: bytes) -> str:
    magics = {b"PAR1": "parquet", b"ORC": "orc", b"ARROW1": "feather", b"{": "json"}
    return next((name for magic, name in magics.items() if begin.startswith(magic)), "csv")


def _template(root: Path, files: Sequence[Path]) -> tuple[str, tuple[Path, ...]]:
    """The template of most of the files, and those that it matches."""
    named: dict[tuple[int, str], list[tuple[str, Path]]] = {}
    for path in files:
        text = _with_fields(path.relative_to(root).as_posix())
        fields = "".join(sorted(c for c in text if c in _AS_CHARACTER.values()))
        named.setdefault((text.count("/"), fields), []).append((text, path))
    group = max(named.values(), key=len)
    segments = zip(*(text.split("/") for text, _ in group), strict=True)
    template = "/".join(_generalised(sorted(set(each))) for each in segments)
    for field, character in _AS_CHARACTER.items():
        template = template.replace(character, field)
    if grain_of(template) and any(path_problems(template, grain_of(template), "")):
        template = _FIELD.sub("*", template)  # a month without its year names no time
    return re.sub(r"\*+", "*", template), tuple(path for _, path in group)


def _with_fields(name: str) -> str:
    """A relative path with its dates replaced by fields, and the rest escaped."""
    return DATE.sub(_field, name.translate(_ESCAPED))


def _field(found: re.Match[str]) -> str:
    _, template = DATES[int(str(found.lastgroup)[1:])]
    return _FIELD.sub(lambda each: _AS_CHARACTER[each.group()], template)


def _generalised(texts: Sequence[str]) -> str:
    """What texts have in common, with ``*`` where they differ."""
    if len(texts) == 1:
        return texts[0]
    before = _common_start(texts)
    rests = [text[len(before) :][::-1] for text in texts]
    return f"{before}*{_common_start(rests)[::-1]}"


def _dates(root: Path, path: Path) -> tuple[list[str], str]:
    """Files are in the order of the times in their names."""
    name = path.relative_to(root).as_posix()
    return [found.group() for found in DATE.finditer(name)], name


def _common_start(texts: Sequence[str]) -> str:
    pairs = zip(min(texts), max(texts), strict=False)
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def grain_of(template: str) -> str:
    """The finest part of time that a template names; empty for none."""
    return next((grain for field, grain in GRAIN_OF.items() if field in template), "")


def _escaped(name: str) -> str:
    return name.translate(_ESCAPED)
