"""The text of a declared SELECT: its parameters, and the mistakes that need no database to be found.

Why: a statement that writes, or that names a bound which is never given, should fail when it is declared.
Promise: standard library only; texts in quotation marks and comments are never taken for SQL.
Not here: running it (``pipelines/stages/ingest/sources/database.py``). The database has the last word: the
    statement is run in a read-only transaction, as a subquery.
"""

import re
from collections.abc import Iterator

from pipelines.core.declared import nearest

START, END = PARAMETERS = ("start", "end")
READS = ("select", "with")

_TOKEN = re.compile(
    r"""
    (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?<![:\w]) : (?P<parameter> [A-Za-z_]\w* )
    | (?P<word> \w+ )
    | (?P<other> \S )
    """,
    re.VERBOSE | re.DOTALL,
)


def parameters(sql: object) -> set[str]:
    """The names of a statement's parameters; none of what is no text."""
    if not isinstance(sql, str):
        return set()
    return {found["parameter"] for found in _tokens(sql) if found["parameter"]}


def statement_problems(sql: str, where: str) -> Iterator[str]:
    """The mistakes of a statement, one sentence each."""
    if not isinstance(sql, str) or not sql.strip():
        yield f"{where} sql is {sql!r}. Write a SELECT statement."
        return
    first = next((m["word"] for m in _tokens(sql) if m["word"]), "")
    if first.lower() not in READS:
        yield (
            f"{where} sql begins with {first or sql.strip()[:20]!r}. A source is only read: begin "
            f"with SELECT, or WITH for common table expressions."
        )
    if _is_several(sql):
        yield f"{where} sql has more than one statement. Declare one SELECT, without a semicolon."
    names = parameters(sql)
    for name in sorted(names.difference(PARAMETERS)):
        yield (
            f"{where} sql has the parameter :{name}, and only :start and :end are given. "
            f"{nearest(name, PARAMETERS)}"
        )
    if len(names.intersection(PARAMETERS)) == 1:
        missing = (set(PARAMETERS) - names).pop()
        yield (
            f"{where} sql has no :{missing}. Bound a partition on both sides (t >= :start AND "
            f"t < :end), or on neither for a query of all time."
        )


def as_subquery(sql: str) -> str:
    """The statement without comments and its last semicolon, with colons that are not parameters escaped.

    SQLAlchemy looks for parameters inside of quotation marks as well.
    """
    spaced, end = [], 0
    for found in _tokens(sql):
        spaced.append(sql[end : found.start()])
        end = found.end()
        if found["comment"]:
            spaced.append(" ")
        elif found["quoted"]:
            spaced.append(without_parameters(found[0]))
        elif found["other"] != ";":
            spaced.append(found[0])
    return "".join([*spaced, sql[end:]]).strip()


def without_parameters(quoted: str) -> str:
    """A text in quotation marks, or a quoted name, in which SQLAlchemy finds no parameter."""
    return re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", quoted)


def _tokens(sql: str) -> Iterator[re.Match[str]]:
    return _TOKEN.finditer(sql)


def _is_several(sql: str) -> bool:
    """Whether anything but comments follows a semicolon."""
    marks = [m["other"] or "x" for m in _tokens(sql) if not m["comment"]]
    return ";" in marks[:-1]
