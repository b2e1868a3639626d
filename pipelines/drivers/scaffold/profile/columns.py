"""Guess what each column of a sample is: its type, how it is written, and which values it has.

Why: a declaration says of each column what ingest must make of it, and what a valid value is.
Promise: every known value of the sample is one of the guessed type, by the rules of ingest.
Not here: what a column is used for (``roles.py``).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as of

from pipelines.drivers.scaffold.profile.number_texts import (
    DIGITS,
    PLAIN,
    SIGN,
    SIGNED_AMOUNT,
    TIME_OF_DAY,
    GuessedMarks,
    every,
)
from pipelines.drivers.scaffold.profile.time_texts import (
    MICROSECONDS,
    epoch_times,
    formatted_times,
    iso_times,
)

MOST_LISTED = 24
MOST_DECIMALS = 6
EXACT_FLOAT = 2**53
# Pairs of words for no and yes, in lower case.
PAIRS = (
    *(("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"), ("off", "on"), ("0", "1")),
    *(("nein", "ja"), ("non", "oui"), ("no", "sí"), ("no", "si"), ("no", "sì"), ("não", "sim")),
    *(("n", "j"), ("n", "o"), ("n", "s"), ("nee", "ja"), ("nej", "ja"), ("nie", "tak")),
    *(
        ("negative", "positive"),
        ("neg", "pos"),
        ("absent", "present"),
    ),
)
TRUTHS = ({"false", "true"}, {"0", "1"})
OFFSET = r"\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
DIGITS_AND_MARKS = r"^[+-]?\d[\d.,' ]*$"
LEADING_ZERO = r"^[+-]?0\d"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingGuess:
    """How ingest will read the values of a sample.

    Attributes:
        all_texts: Whether every value is a text to be parsed, as in CSV.
        iso_texts: Whether texts of ISO 8601 are read as times.
        marks: How numbers are written in texts.
    """

    all_texts: bool = False
    iso_texts: bool = False
    marks: GuessedMarks = field(default_factory=GuessedMarks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnGuess:
    """What a column of the sample seems to be.

    Attributes:
        header: Its name in the source.
        name: Its name in the declaration.
        type: One of ``COLUMN_TYPES``; empty for one that cannot be declared.
        rows: Rows of the sample.
        nulls: Rows without a value.
        distinct: Number of different values.
        low: Smallest value of a number; None for other types.
        high: Largest.
        median: The middle one.
        deviation: Their standard deviation.
        decimals: Digits after the point that every value has at most; None where there are many.
        time_format: As ``Column.time_format``.
        other_formats: Formats in which every value is a time too.
        words: As ``Column.words``.
        listed: Values with their numbers of rows, the most frequent first, where they are few.
        numbers: The numbers of a number or an integer.
        times: The times, in UTC microseconds, of a timestamp.
        offset: Whether the times have an offset from UTC.
        values: The values as they are in the source, for comparing rows.
        note: What a reader should know beside.
    """

    header: str
    name: str
    type: str
    rows: int
    nulls: int
    values: pa.ChunkedArray
    distinct: int = 0
    low: float | None = None
    high: float | None = None
    median: float | None = None
    deviation: float | None = None
    decimals: int | None = None
    time_format: str = ""
    other_formats: tuple[str, ...] = ()
    words: Mapping[str, int] | None = None
    listed: Mapping[object, int] = field(default_factory=dict)
    numbers: pa.ChunkedArray | None = None
    times: pa.ChunkedArray | None = None
    offset: bool = False
    note: str = ""


def guess_columns(rows: pa.Table, how: ReadingGuess) -> tuple[ColumnGuess, ...]:
    """A guess for each column of a sample, in its order."""
    names = column_names(rows.column_names)
    return tuple(
        _guess(header, name, values, how)
        for header, name, values in zip(rows.column_names, names, rows.columns, strict=True)
    )


def column_names(headers: Iterable[str]) -> list[str]:
    """A name of lower-case letters, digits and _ for each header, each once."""
    names: list[str] = []
    for header in headers:
        # FlightNumber is flight_number, TX_ID is tx_id, and Größe is grosse.
        parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header)
        plain = unicodedata.normalize("NFKD", parted.casefold())
        letters = "".join(c for c in plain if not unicodedata.combining(c))
        name = "_".join(re.findall(r"[a-z0-9]+", letters)) or "column"
        name = name if name[0].isalpha() else f"c_{name}"
        numbered = (name if n == 1 else f"{name}_{n}" for n in range(1, len(names) + 2))
        names.append(next(each for each in numbered if each not in names))
    return names


def _guess(header: str, name: str, values: pa.ChunkedArray, how: ReadingGuess) -> ColumnGuess:
    if of.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    known = values.drop_null()
    plain = ColumnGuess(
        header=header,
        name=name,
        type="text",
        rows=len(values),
        nulls=values.null_count,
        values=values,
    )
    if not len(known):
        return replace(plain, note="no value in the sample: leave it out, or correct its type")
    guess = _of_file_texts(plain, how) if how.all_texts else _of_typed(plain, known, how)
    return _described(guess) if guess.type else guess


def _of_file_texts(plain: ColumnGuess, how: ReadingGuess) -> ColumnGuess:
    """Of a number, a time or a flag an empty text is a null; of a text it is a value."""
    blank = pc.equal(pc.utf8_trim_whitespace(plain.values), "")
    bare = pc.if_else(blank, None, plain.values)
    known = bare.drop_null()
    if not len(known):
        return plain
    guess = _of_texts(replace(plain, values=bare, nulls=bare.null_count), known, how.marks)
    if guess.type != "text":
        return guess
    return replace(guess, values=plain.values, nulls=plain.nulls)


def _of_texts(plain: ColumnGuess, known: pa.ChunkedArray, marks: GuessedMarks) -> ColumnGuess:
    trimmed = pc.utf8_trim_whitespace(known)
    if flag := _flag_words(trimmed):
        known_to_ingest = {word.lower() for word in flag} in TRUTHS
        return replace(plain, type="flag", words=None if known_to_ingest else flag)
    numbers = marks.plain(trimmed)
    if every(numbers, PLAIN) and not every(trimmed, r"^$"):
        return _of_number_texts(plain, trimmed, numbers)
    if (times := iso_times(trimmed)) is not None:
        offset = every(trimmed, OFFSET)
        mixed = not offset and pc.any(pc.match_substring_regex(trimmed, OFFSET)).as_py()
        note = "some times have an offset from UTC and some have none" if mixed else ""
        return _timed(plain, times, offset=offset, note=note)
    return _of_formatted(plain, trimmed)


def _of_formatted(plain: ColumnGuess, trimmed: pa.ChunkedArray) -> ColumnGuess:
    if (found := formatted_times(trimmed)) is None:
        return replace(plain, note=_kept_as_text(trimmed))
    (first, *others), times = found
    return replace(_timed(plain, times), time_format=first, other_formats=tuple(others))


def _kept_as_text(trimmed: pa.ChunkedArray) -> str:
    """What keeps a column of times or numbers from being one; empty where that is not so."""
    if every(trimmed, TIME_OF_DAY):
        return "times of day: a timestamp needs the day in the same column of the source"
    if every(trimmed, SIGNED_AMOUNT) and every(trimmed, SIGN):
        return "numbers with a sign, which are read as text: take it away in the source"
    is_word = pc.invert(pc.match_substring_regex(trimmed, r"\d"))
    words = pc.unique(trimmed.filter(is_word)).to_pylist()
    numbers = trimmed.filter(pc.invert(is_word))
    if len(words) != 1 or not len(numbers) or not every(numbers, DIGITS_AND_MARKS):
        return ""
    return (
        f"all are numbers but {words[0]!r}: if that stands for a null, name it in Source.nulls"
    )


def _timed(
    plain: ColumnGuess, times: pa.ChunkedArray, *, offset: bool = False, note: str = ""
) -> ColumnGuess:
    return replace(
        plain, type="timestamp", times=_in_rows(plain, times), offset=offset, note=note
    )


def _in_rows(plain: ColumnGuess, known: pa.ChunkedArray) -> pa.ChunkedArray:
    """Known values with a null in each row that has none, so that rows stay beside one another."""
    positions = pc.cumulative_sum(pc.is_valid(plain.values).cast(pa.int64()))
    return known.take(pc.if_else(pc.is_valid(plain.values), pc.subtract(positions, 1), None))


def _of_number_texts(
    plain: ColumnGuess, trimmed: pa.ChunkedArray, numbers: pa.ChunkedArray
) -> ColumnGuess:
    if every(numbers, DIGITS):
        if pc.any(pc.match_substring_regex(numbers, LEADING_ZERO)).as_py():
            return replace(plain, note="digits with leading zeros are kept as text")
        return _of_digits(plain, trimmed, numbers)
    decimals = pc.max(
        pc.utf8_length(pc.replace_substring_regex(numbers, r"^[^.]*\.?", ""))
    ).as_py()
    exact = every(numbers, r"^[^eE]*$") and decimals <= MOST_DECIMALS
    floats = numbers.cast(pa.float64())
    if _is_whole(floats) and every(numbers, r"^[^eE]*$"):  # pandas writes 12.0 beside a null
        return _ranged(replace(plain, type="integer"), floats.cast(pa.int64()))
    return _ranged(replace(plain, type="number", decimals=decimals if exact else None), floats)


def _of_digits(
    plain: ColumnGuess, trimmed: pa.ChunkedArray, numbers: pa.ChunkedArray
) -> ColumnGuess:
    try:
        whole = pc.replace_substring_regex(numbers, r"^\+", "").cast(pa.int64())
    except pa.ArrowInvalid:
        return replace(plain, note="whole numbers of more than 64 bits are kept as text")
    if every(trimmed, r"^(19|20)\d{6}$") and (dated := formatted_times(trimmed)) is not None:
        return replace(_timed(plain, dated[1]), time_format=dated[0][0])
    return _of_wholes(plain, whole)


def _of_wholes(plain: ColumnGuess, whole: pa.ChunkedArray) -> ColumnGuess:
    if (epoch := epoch_times(whole, plain.name)) is not None:
        return replace(_timed(plain, epoch[1]), time_format=epoch[0])
    guess = _ranged(replace(plain, type="integer"), whole)
    return replace(guess, type="flag") if (guess.low, guess.high) in ((0, 1), (1, 1)) else guess


def _of_typed(plain: ColumnGuess, known: pa.ChunkedArray, how: ReadingGuess) -> ColumnGuess:
    kind = known.type
    if of.is_boolean(kind):
        return replace(plain, type="flag")
    if of.is_timestamp(kind) or of.is_date(kind):
        return _of_times(plain, known)
    if of.is_integer(kind) or of.is_decimal(kind) or of.is_floating(kind):
        return _of_numbers(plain, known)
    if _is_text(kind):
        return _of_typed_texts(plain, pc.utf8_trim_whitespace(known.cast(pa.string())), how)
    return replace(plain, type="", note=f"of type {kind}, which has no like in a declaration")


def _is_text(kind: pa.DataType) -> bool:
    return of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind)


def _of_times(plain: ColumnGuess, known: pa.ChunkedArray) -> ColumnGuess:
    zone = getattr(known.type, "tz", None)
    times = known.cast(pa.timestamp("us", zone), safe=False)
    return _timed(plain, times.cast(MICROSECONDS), offset=zone is not None)


def _of_numbers(plain: ColumnGuess, known: pa.ChunkedArray) -> ColumnGuess:
    if of.is_integer(known.type):
        return _of_integers(plain, known)
    if of.is_decimal(known.type):
        decimals = replace(plain, type="number", decimals=max(known.type.scale, 0))
        return _ranged(decimals, known.cast(pa.string()).cast(pa.float64()))
    return _of_floats(plain, known.cast(pa.float64()))


def _of_typed_texts(
    plain: ColumnGuess, trimmed: pa.ChunkedArray, how: ReadingGuess
) -> ColumnGuess:
    """Texts of a source that has types: words, times in a format, or texts."""
    if words := _flag_words(trimmed):
        return replace(plain, type="flag", words=words)
    if how.iso_texts and (times := iso_times(trimmed)) is not None:
        return _timed(plain, times, offset=every(trimmed, OFFSET))
    return _of_formatted(plain, trimmed)


def _of_integers(plain: ColumnGuess, known: pa.ChunkedArray) -> ColumnGuess:
    try:
        return _of_wholes(plain, known.cast(pa.int64()))
    except pa.ArrowInvalid:
        return replace(plain, type="", note="whole numbers of more than 63 bits")


def _of_floats(plain: ColumnGuess, known: pa.ChunkedArray) -> ColumnGuess:
    finite = known.filter(pc.is_finite(known))
    odd = len(known) - len(finite)
    note = f"{odd} values are NaN or infinite: validate sets such rows apart" if odd else ""
    plain = replace(plain, note=note)
    if len(finite) and not odd and plain.nulls and _is_whole(finite):
        return _of_wholes(plain, finite.cast(pa.int64()))
    if not len(finite):
        return replace(plain, type="number")
    decimals = next((d for d in range(5) if _has_decimals(finite, d)), None)
    return _ranged(replace(plain, type="number", decimals=decimals), finite)


def _has_decimals(values: pa.ChunkedArray, decimals: int) -> bool:
    return bool(pc.all(pc.equal(pc.round(values, decimals), values)).as_py())


def _is_whole(values: pa.ChunkedArray) -> bool:
    small = pc.less(pc.abs(values), float(EXACT_FLOAT))
    return bool(pc.all(pc.and_(pc.equal(pc.floor(values), values), small)).as_py())


def _ranged(guess: ColumnGuess, values: pa.ChunkedArray) -> ColumnGuess:
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    median, deviation = pc.approximate_median(values).as_py(), pc.stddev(values).as_py()
    numbers = _in_rows(guess, values) if len(values) == guess.rows - guess.nulls else None
    return replace(
        guess, low=low, high=high, median=median, deviation=deviation, numbers=numbers
    )


def _flag_words(texts: pa.ChunkedArray) -> Mapping[str, int] | None:
    """The meaning of two words for no and yes, in their letter case; None if they are others."""
    found = pc.unique(texts).slice(0, 3).to_pylist()
    for pair in PAIRS:
        both = len(found) == len(pair) or (len(found) == 1 and len(pair[0]) > 1)
        if both and all(word.lower() in pair for word in found):
            return {_cased(word, found): n for n, word in enumerate(pair)}
    return None


def _cased(word: str, found: Iterable[str]) -> str:
    """A word as it is spelled in the sample, or as the other word of its pair would be."""
    spelled = {each.lower(): each for each in found}
    if word in spelled:
        return spelled[word]
    other = next(iter(spelled.values()))
    return (
        word.upper() if other.isupper() else word.capitalize() if other[:1].isupper() else word
    )


def _described(guess: ColumnGuess) -> ColumnGuess:
    """With the number of its values, and these where they are few."""
    counts = pc.value_counts(guess.values.drop_null())
    listed: dict[object, int] = {}
    if len(counts) <= MOST_LISTED:
        pairs = [(each["values"], each["counts"]) for each in counts.to_pylist()]
        listed = dict(sorted(pairs, key=lambda pair: (-pair[1], str(pair[0]))))
    return replace(guess, distinct=len(counts), listed=listed)
