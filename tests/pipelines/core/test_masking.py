"""Messages and tracebacks of other programs' errors, without the values that they quote."""

import json

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.causes import unexpected
from pipelines.core.errors import PermanentError
from pipelines.core.events import describe_error
from pipelines.core.masking import (
    HIDDEN,
    described,
    mask,
    message_of,
    traceback_of,
    without_values,
)

NAME, NUMBER = "PLANTED-SUBJECT-7f3a", 918273645546372819
RAISING = {
    "int": lambda: int(NAME),
    "float": lambda: float(NAME),
    "key": lambda: {}[NAME],
    "number as key": lambda: {}[NUMBER],
    "list": lambda: [].remove(NAME),
    "index": lambda: [NAME].index("x" + NAME),
    "numpy": lambda: np.array([NAME]).astype(float),
    "overflow": lambda: np.int32(NUMBER),
    "arrow text": lambda: pa.array([NAME]).cast(pa.int64()),
    "arrow number": lambda: pa.array([NUMBER]).cast(pa.int32()),
    "arrow types": lambda: pa.array([NAME, NUMBER]),
    "arrow time": lambda: pa.array([NAME]).cast(pa.timestamp("us")),
    "json": lambda: json.loads(f'{{"{NAME}": {NUMBER}'),
    "date": lambda: __import__("datetime").date.fromisoformat(NAME),
    "codec": (NAME + "\ud800").encode,
}


def raised(raising):
    with pytest.raises(Exception) as caught:  # noqa: PT011  each of another class
        raising()
    return caught.value


@pytest.mark.parametrize("name", RAISING)
def test_errors_of_libraries_are_reported_without_values(name):
    try:
        try:
            RAISING[name]()
        except Exception as inner:
            raise RuntimeError("while reading") from inner
    except RuntimeError as error:
        outer, inner = error, error.__cause__
    for error in (outer, inner):
        text = json.dumps(describe_error(error)) + str(unexpected(error, "ingest"))
        assert "PLANTED" not in text
        assert "9182736" not in text
        assert type(inner).__name__ in text
    assert "test_masking.py" in traceback_of(outer)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("amount"), "'amount'"),
        (AttributeError("'Store' has no 'find'"), "'Store' has no 'find'"),
        (FileNotFoundError(2, "No such file", "/a/1"), "[Errno 2] No such file: '/a/1'"),
        (PermanentError("line 7 of 'x'"), "line 7 of 'x'"),
        (ValueError("could not convert string to float: 'Anna'"), f"could not convert string to float: {HIDDEN}"),
        (ValueError("Unknown string format: Anna"), f"Unknown string format: {HIDDEN}"),
        (RuntimeError("it doesn't fit"), "it doesn't fit"),
        (RuntimeError("value 17 of Anna's"), f"value {HIDDEN} of Anna's"),
        (RuntimeError("cut off 'Ann"), f"cut off {HIDDEN}"),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_message(error, message):
    assert message_of(error) == message


def test_a_mask_leaves_nothing_of_a_value_and_keeps_nulls():
    assert [mask(value) for value in (None, "", "1234567", 5)] == [None, *[HIDDEN] * 3]
    assert described("Ab 1-2") == "••• (6 characters: digits, letters, spaces, other signs)"
    assert described("x") == "••• (1 character: letters)"
    assert without_values("column 'a1' is not 'b'", ["a1"]) == f"column 'a1' is not {HIDDEN}"


def test_a_traceback_has_the_whole_chain_and_ends_with_the_error_itself():
    try:
        try:
            int(NAME)
        except ValueError:
            {}["name"]
    except KeyError as error:
        text = traceback_of(error)
    first, last = text.index("ValueError"), text.index("KeyError: 'name'")
    assert first < text.index("While it was handled") < last
    assert text.count("Traceback (most recent call last)") == 2


def test_a_long_message_is_masked_in_time():
    assert len(message_of(ValueError("m" * 10_000_000))) < 10_000
