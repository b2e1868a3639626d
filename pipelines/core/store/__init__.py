"""Where artifacts are and how they are named.

Why: stages meet only through published artifacts.
Promise: importing this package imports the standard library alone; fsspec only when a store
    is not local.
"""

from pipelines.core.store.manifest import (
    Manifest,
    Ref,
    describe_files,
    digest_of,
    file_digest,
    work_digest,
)
from pipelines.core.store.store import Store

__all__ = [
    "Manifest",
    "Ref",
    "Store",
    "describe_files",
    "digest_of",
    "file_digest",
    "work_digest",
]
