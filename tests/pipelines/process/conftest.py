import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.process.server import stop_servers


@pytest.fixture(autouse=True)
def own_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Keep these tests' fork servers apart from those of whoever runs them."""
    # Not in tmp_path: the path of a unix socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="mr") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)
        stop_servers()
