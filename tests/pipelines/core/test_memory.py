"""A want of memory is known by whatever class and words it comes with."""

import errno

import pytest

from pipelines.core.errors import TrainingError
from pipelines.core.memory import is_out_of_memory


class OpError(Exception):
    """As TensorFlow's base class is called."""


class ResourceExhaustedError(OpError):
    pass


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("libx.so: failed to map segment: Cannot allocate memory"),
        ResourceExhaustedError("any words"),
        OpError("INTERNAL: failed to allocate 3.1GiB"),
        OpError("Out of memory while trying to allocate 8589934592 bytes."),
        type("_ArrayMemoryError", (MemoryError,), {})("Unable to allocate 8 GiB"),
    ],
)
def test_out_of_memory_is_recognised(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOENT, "out of memory.txt"),
        ValueError("out of memory"),
        OpError("Incompatible shapes"),
        RuntimeError("no"),
        TrainingError("Nothing is out of memory"),
    ],
)
def test_another_error_is_not_recognised_as_out_of_memory(error):
    assert not is_out_of_memory(error)
