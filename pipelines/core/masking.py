"""Values of the data that nobody may see in a message, a page or a log.

Why: a log is read by more people than the data, and is kept for longer.
Promise: a masked value is replaced whole; of what the value is, only the number of characters and their
    kinds are said. The message of another program's error keeps its words: what it quotes, and what has
    digits, is masked, because such errors quote the value that they failed at.
Not here: which columns are sensitive (``Pipeline.sensitive_columns``).
"""

import re
import traceback
from collections.abc import Collection, Iterator

from pipelines.core.errors import PipelineError

HIDDEN = "•••"
"""Stands for a masked value."""
MOST_ERRORS = 8  # of a chain of causes
KINDS = (
    ("digits", str.isdigit),
    ("letters", str.isalpha),
    ("spaces", str.isspace),
    ("other signs", lambda sign: not (sign.isalnum() or sign.isspace())),
)
MOST_CHARS = 2_000  # of a message; what is quoted at its end may be without its closing mark
QUOTED = re.compile(r"""(?<!\w)b?(?:'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z))""")
WORD = re.compile(r"[^\s,;:()\[\]{}<>=]+")
OWN_NAME = re.compile(r"^'?[a-z_ ]*'?$")
AFTER_COLON = re.compile(r": .*", re.DOTALL)
# Errors about the program itself: what they quote is its own names, files and limits.
OF_THE_PROGRAM = (
    *(PipelineError, OSError, MemoryError, ImportError, AttributeError, NameError, SyntaxError),
    *(AssertionError, SystemExit, KeyboardInterrupt, RecursionError),
)
# Errors about a value that was given.
OF_A_VALUE = (ValueError, LookupError, TypeError, ArithmeticError)


def mask(value: object) -> str | None:
    """A value that names someone, masked; None for a null."""
    return None if value is None else HIDDEN


def described(text: str) -> str:
    """A masked value with what may be known of it: ``••• (5 characters: digits, letters)``."""
    if not text:
        return "'' (no characters)"
    kinds = [name for name, is_of in KINDS if any(is_of(sign) for sign in text)]
    characters = "character" if len(text) == 1 else "characters"
    return f"{HIDDEN} ({len(text)} {characters}: {', '.join(kinds)})"


def message_of(error: BaseException) -> str:
    """The message of an error; of another program's, without the values that it may quote."""
    text = str(error)
    if isinstance(error, OF_THE_PROGRAM) or type(error) is TypeError or _is_own_name(error):
        return text
    text = text[:MOST_CHARS]
    if isinstance(error, OF_A_VALUE):
        text = AFTER_COLON.sub(f": {HIDDEN}", text, count=1)
    return without_values(text)


def without_values(text: str, known: Collection[str] = ()) -> str:
    """A message with what it quotes, and every word that has a digit, masked.

    Args:
        text: The message.
        known: Names of ours, which are shown.
    """

    def quoted(found: re.Match[str]) -> str:
        return found[0] if found[0][1:-1] in known else HIDDEN

    def word(found: re.Match[str]) -> str:
        bare = found[0].strip("'\"`.")
        has_digits = any(map(str.isdigit, bare)) and bare not in known
        return HIDDEN if has_digits else found[0]

    return WORD.sub(word, QUOTED.sub(quoted, text[:MOST_CHARS]))


def _is_own_name(error: BaseException) -> bool:
    """Whether a key that was not found is a name of the program's, by its letters."""
    return type(error) in {KeyError, IndexError} and bool(OWN_NAME.match(str(error)))


def traceback_of(error: BaseException) -> str:
    """The traceback of an error and of its causes, as Python prints it, with masked messages."""
    return "\n".join(_parts(error))


def _parts(error: BaseException) -> Iterator[str]:
    chain = list(_chain(error))
    for each, how in reversed(chain):
        frames = "".join(traceback.format_tb(each.__traceback__))
        name = f"{type(each).__module__}.{type(each).__qualname__}".removeprefix("builtins.")
        notes = "".join(f"{note}\n" for note in getattr(each, "__notes__", ()))
        head = "Traceback (most recent call last):\n" if frames else ""
        yield f"{head}{frames}{name}: {message_of(each)}\n{notes}{how}"


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """The error, then what it was raised from, each with how the next one followed from it."""
    each: BaseException | None = error
    how = ""
    for _ in range(MOST_ERRORS):
        if each is None:
            return
        yield each, how
        if each.__cause__ is not None:
            each, how = each.__cause__, "\nIt was the direct cause of:\n"
        else:
            each = None if each.__suppress_context__ else each.__context__
            how = "\nWhile it was handled, this happened:\n"
