"""Refuse the words that ``docs/glossary.md`` retired, in every text of the repository.

Why: one idea must have one name, or a reader looks for a difference that is not there.
Promise: the table in the glossary is the only list; names are read as the words they are made of, so
    ``retiredWord`` and ``retired_word`` are found like the words in a sentence. Names that published
    files depend on are listed there too, and are fine.

    python infra/words.py            # files and lines; exit code 1 if there are any
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = "docs/glossary.md"
TREES = (".ci", "dags", "docs", "infra", "pipelines", "plugins", "tests")
TEXTS = (
    "",
    ".css",
    ".env",
    ".html",
    ".j2",
    ".json",
    ".md",
    ".py",
    ".sh",
    ".toml",
    ".txt",
    ".yaml",
)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
ROW = re.compile(r"^\|(?P<not>[^|]+)\|(?P<but>[^|]+)\|(?P<other>[^|]*)\|$")


def retired(glossary: str) -> list[tuple[re.Pattern[str], str, list[str]]]:
    """Of each row of the table: what finds its words, what to write, which phrases are fine."""
    table = glossary.partition("## Retired words")[2]
    rows = [found for line in table.splitlines() if (found := ROW.match(line))]
    return [
        (_finder(_listed(row["not"])), row["but"].strip(), _listed(row["other"]))
        for row in rows
        if row["not"].strip() != "not" and not set(row["not"]) <= set("|- ")
    ]


def _listed(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(",") if each.strip()]


def _finder(words: list[str]) -> re.Pattern[str]:
    """Finds the words in any case; one in capitals, a value and no word of a sentence, in capitals alone."""
    each = (w if w.isupper() else f"(?i:{w})" for w in map(re.escape, words))
    return re.compile(r"\b(" + "|".join(each) + r")\b")


def plain(text: str) -> str:
    """A line or a path with its names taken apart into words."""
    return CAMEL.sub(" ", text).replace("_", " ").replace("-", " ")


def published(glossary: str) -> list[str]:
    """The names that published files depend on, which keep their words."""
    section = glossary.partition("## Published names")[2].partition("## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def findings(path: str, text: str, rules: list, names: Sequence[str] = ()) -> Iterator[str]:
    """``path:line: word (write ...)`` for each retired word of a file and of its name."""
    for name in names:
        text = re.sub(rf"\b{name}(?!\w)", "", text)
    lines = [path.replace("/", " ").replace(".", " "), *text.splitlines()]
    for number, line in enumerate(map(plain, lines)):
        for finder, instead, fine in rules:
            if not finder.search(line):
                continue
            allowed = line
            for phrase in fine:
                allowed = re.sub(re.escape(phrase), "", allowed, flags=re.IGNORECASE)
            for found in finder.finditer(allowed):
                yield f"{path}:{number or 'name'}: {found.group(0)!r} (write: {instead})"


def files() -> Iterator[Path]:
    """The repository's texts, sorted, without what tools and runs leave beside them."""
    tops = [ROOT / name for name in ("Makefile", "pyproject.toml", *TREES)] + [
        *ROOT.glob("*.md")
    ]
    for top in sorted(tops):
        found = sorted(top.rglob("*")) if top.is_dir() else [top]
        yield from (p for p in found if p.suffix in TEXTS and "__pycache__" not in p.parts)


def main() -> int:
    """Print the findings; the exit code."""
    glossary = (ROOT / GLOSSARY).read_text()
    rules, names = retired(glossary), published(glossary)
    found: list[str] = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and name != GLOSSARY:
            found += findings(name, path.read_text(errors="replace"), rules, names)
    print("\n".join(found) if found else "no retired word")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
