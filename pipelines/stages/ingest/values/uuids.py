"""UUIDs of typed sources as texts, written as everywhere else: ``123e4567-e89b-12d3-a456-426614174000``."""

import numpy as np
import pyarrow as pa
import pyarrow.types as of

BYTES, TEXT_BYTES = 16, 36
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
# Positions of the 32 hexadecimal digits among the 36 characters.
POSITIONS = [n for n in range(TEXT_BYTES) if n not in (8, 13, 18, 23)]


def is_uuid(kind: pa.DataType) -> bool:
    """Whether a type is that of UUIDs: Arrow's own, or 16 bytes."""
    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    return of.is_fixed_size_binary(storage) and storage.byte_width == BYTES


def uuid_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts of UUIDs."""
    if isinstance(values.type, pa.BaseExtensionType):
        values = values.cast(values.type.storage_type)
    return pa.chunked_array([_texts(chunk) for chunk in values.chunks], pa.string())


def _texts(chunk: pa.Array) -> pa.Array:
    known = chunk.is_valid().to_numpy(zero_copy_only=False)
    raw = np.frombuffer(chunk.buffers()[1] or b"", np.uint8)
    raw = raw[chunk.offset * BYTES :][: len(chunk) * BYTES].reshape(len(chunk), BYTES)
    letters = np.full((len(chunk), TEXT_BYTES), ord("-"), np.uint8)
    letters[:, POSITIONS] = HEX[
        np.stack([raw >> 4, raw & 15], axis=2).reshape(len(chunk), 2 * BYTES)
    ]
    texts = letters.view(f"S{TEXT_BYTES}").ravel()
    return pa.array(texts, pa.binary(), mask=~known).cast(pa.string())
